"""Values under AES-256-GCM, each bound to where it stands: `key id:base64 of nonce, ciphertext and tag`."""

import base64
import binascii
import os
from dataclasses import dataclass
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings
from django.views.decorators.debug import sensitive_variables

from budgetsite.encryption.keys import KEY_ID, EncryptionKey

NONCE_BYTES = 12
TAG_BYTES = 16


class CannotDecrypt(Exception):
    """A stored value cannot be read. Names the column and the key's id, never the value."""

    def __init__(self, place: "Place", key_id: str, problem: str) -> None:
        self.place = place
        self.key_id = key_id
        super().__init__(f"{place.column_name} cannot be decrypted: {problem}")


class UnknownKey(CannotDecrypt):
    def __init__(self, place: "Place", key_id: str) -> None:
        super().__init__(
            place, key_id, f"FIELD_ENCRYPTION_KEYS has no key {key_id}. Put it back, after the one that encrypts."
        )


class Tampered(CannotDecrypt):
    def __init__(self, place: "Place", key_id: str) -> None:
        super().__init__(
            place,
            key_id,
            f"the key {key_id} does not fit the value. It was changed, or moved here from another place, or the "
            "key is another one under the same id.",
        )


class NotEncrypted(CannotDecrypt):
    def __init__(self, place: "Place") -> None:
        super().__init__(place, "", "the value was stored past the field and is not a ciphertext.")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value belongs. One that is moved to another column or another account can no longer be read."""

    table: str
    column: str
    tenant_id: UUID | None

    @property
    def column_name(self) -> str:
        return f"{self.table}.{self.column}"

    def bound_to(self, key_id: str) -> bytes:
        # No name contains the separator, so that two places never read the same.
        parts = ("aes-256-gcm", key_id, self.table, self.column, str(self.tenant_id or ""))
        return "\x00".join(parts).encode()


def encrypting_key() -> EncryptionKey:
    key: EncryptionKey = settings.FIELD_ENCRYPTION_KEYS[0]
    return key


@sensitive_variables()
def encrypt(text: str, place: Place) -> str:
    """Return `text` under the first key; the same text gives another ciphertext each time."""
    try:
        plain = text.encode()
    except UnicodeEncodeError:
        # Python's own message would repeat the text.
        raise ValueError(f"{place.column_name} takes text that can be written as UTF-8.") from None
    key = encrypting_key()
    # Random: a key may serve 2^32 values, then two nonces are likely enough to meet; rotate_keys brings the next.
    nonce = os.urandom(NONCE_BYTES)
    sealed = AESGCM(key.secret).encrypt(nonce, plain, place.bound_to(key.id))
    return f"{key.id}:{base64.b64encode(nonce + sealed).decode()}"


@sensitive_variables()
def decrypt(stored: str, place: Place) -> str:
    """Return what was encrypted. Raises `UnknownKey`, `Tampered` or `NotEncrypted`."""
    key_id, colon, encoded = stored.partition(":")
    if not colon or not KEY_ID.fullmatch(key_id):
        raise NotEncrypted(place)
    secret = next((key.secret for key in settings.FIELD_ENCRYPTION_KEYS if key.id == key_id), None)
    try:
        sealed = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise (NotEncrypted(place) if secret is None else Tampered(place, key_id)) from None
    if secret is None:
        # Plain text may look like a key's id and a short word behind it.
        raise UnknownKey(place, key_id) if len(sealed) >= NONCE_BYTES + TAG_BYTES else NotEncrypted(place)
    try:
        return AESGCM(secret).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place.bound_to(key_id)).decode()
    except (InvalidTag, ValueError):
        # ValueError: too short to hold a nonce and a tag.
        raise Tampered(place, key_id) from None
