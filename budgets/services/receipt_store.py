"""The private store of receipts: random names in a folder for each account, read by this site alone."""

import secrets
from collections.abc import Iterator
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


def stored_before(moment: datetime) -> Iterator[str]:
    """Yield the names of the account's files that were stored before a moment."""
    store, folder = receipt_store(), str(require_tenant_id())
    try:
        _, files = store.listdir(folder)
    except FileNotFoundError:
        # Nobody of this account has sent a receipt yet.
        return
    for file in files:
        name = f"{folder}/{file}"
        if store.get_modified_time(name) < moment:
            yield name
