"""How an API key is written: `bsk_<account>_<key>_<secret and check digits>`, all of it hexadecimal.

The ids let it be looked up inside its own account, under the policies like everything else. The prefix is what secret
scanners look for; the check digits tell them a key from a look-alike, and us a copy that lost its end.
"""

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass
from uuid import UUID

PREFIX = "bsk_"
_SECRET_BYTES = 32
_WRITTEN = re.compile(rf"{PREFIX}([0-9a-f]{{32}})_([0-9a-f]{{32}})_([0-9a-f]{{{2 * _SECRET_BYTES}}})([0-9a-f]{{8}})")


@dataclass(frozen=True, slots=True)
class KeyText:
    """What the text of a key says; whether it is true is not known yet."""

    tenant_id: UUID
    key_id: UUID
    secret: str


def new_secret() -> str:
    """Return 256 random bits."""
    return secrets.token_hex(_SECRET_BYTES)


def hash_secret(secret: str) -> bytes:
    """Return what is stored of a secret. It is random and long: a slow hash would guard against nothing."""
    return hashlib.sha256(secret.encode()).digest()


def write_key(text: KeyText) -> str:
    """Return the text that a machine sends."""
    unchecked = f"{PREFIX}{text.tenant_id.hex}_{text.key_id.hex}_{text.secret}"
    return unchecked + _check_digits(unchecked)


def parse_key(written: str) -> KeyText | None:
    """Return what a key's text says; None when it is none, or not all of one."""
    found = _WRITTEN.fullmatch(written)
    if found is None or _check_digits(written[:-8]) != found[4]:
        return None
    return KeyText(UUID(found[1]), UUID(found[2]), found[3])


def _check_digits(text: str) -> str:
    return f"{zlib.crc32(text.encode()):08x}"
