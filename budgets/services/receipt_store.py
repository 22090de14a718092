"""The private store of receipts: random names in a folder for each account, read by this site alone."""

import secrets
from datetime import datetime

from django.core.files.base import ContentFile, File
from django.core.files.storage import Storage, storages

from budgetsite.tenancy.scope import require_tenant_id


def receipt_store() -> Storage:
    return storages["receipts"]


def keep(content: bytes) -> str:
    """Store bytes under a name that nobody can guess, in the account's folder; return the name."""
    name = f"{require_tenant_id()}/{secrets.token_hex(20)}"
    return receipt_store().save(name, ContentFile(content))


def open_stored(name: str) -> "File[bytes]":
    """Open what the store keeps. Raises `FileNotFoundError`."""
    return receipt_store().open(name, "rb")


def discard(*names: str) -> None:
    for name in names:
        if name:
            receipt_store().delete(name)


def stored_names() -> list[str]:
    """Return the names of all of the account's files."""
    folder = str(require_tenant_id())
    try:
        _, files = receipt_store().listdir(folder)
    except FileNotFoundError:
        # Nobody of this account has sent a receipt yet.
        return []
    return [f"{folder}/{file}" for file in files]


def was_stored_before(name: str, moment: datetime) -> bool:
    """Whether a file is that old; a bucket is asked for each. One that has gone meanwhile is not."""
    store = receipt_store()
    try:
        return store.get_modified_time(name) < moment
    except Exception:
        # Each kind of store says in its own way that something is not there.
        if store.exists(name):
            raise
        return False
