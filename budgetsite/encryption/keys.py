"""The keys of encrypted columns, as `FIELD_ENCRYPTION_KEYS` names them. The settings import this: no Django here."""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field

KEY_BYTES = 32
# What stands in front of a ciphertext; a colon ends it.
KEY_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")


class UnusableKeys(ValueError):
    """`FIELD_ENCRYPTION_KEYS` is not what it has to be. Says what is wrong, and no part of a key."""

    def __init__(self, problem: str) -> None:
        super().__init__(
            f"FIELD_ENCRYPTION_KEYS: {problem} It holds `id:key` separated by commas, the one that encrypts first; a "
            f"key is {KEY_BYTES} random bytes in base64: openssl rand -base64 {KEY_BYTES}"
        )


@dataclass(frozen=True, slots=True)
class EncryptionKey:
    id: str
    secret: bytes = field(repr=False)


def parse_keys(text: str) -> tuple[EncryptionKey, ...]:
    """Return the keys of `id:base64,id:base64` in their order. Raises `UnusableKeys`."""
    keys = tuple(
        _parse_key(each, number) for number, each in enumerate(filter(None, map(str.strip, text.split(","))), start=1)
    )
    if not keys:
        raise UnusableKeys("there is no key.")
    ids = [key.id for key in keys]
    if len(set(ids)) < len(ids):
        raise UnusableKeys("two keys have the same id.")
    if len({key.secret for key in keys}) < len(keys):
        raise UnusableKeys("two ids have the same key.")
    return keys


def write_keys(keys: Iterable[EncryptionKey]) -> str:
    """Return what `parse_keys` reads, to hand the keys to another process."""
    return ",".join(f"{key.id}:{base64.b64encode(key.secret).decode()}" for key in keys)


def _parse_key(text: str, number: int) -> EncryptionKey:
    key_id, colon, encoded = text.partition(":")
    if not colon or not KEY_ID.fullmatch(key_id):
        # Whatever stands here may be the key itself: it is not repeated.
        raise UnusableKeys(f"entry {number} does not begin with an id of letters, digits, _ and - and a colon.")
    try:
        secret = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise UnusableKeys(f"the key {key_id} is not base64.") from None
    if len(secret) != KEY_BYTES:
        raise UnusableKeys(f"the key {key_id} has {len(secret)} bytes.")
    return EncryptionKey(key_id, secret)
