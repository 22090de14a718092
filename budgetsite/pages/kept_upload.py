"""An uploaded file, kept on our side between looking at it and importing it.

It waits in the cache under a key that nobody can guess and that belongs to one person in one account and one purpose;
the page carries the key alone. Without the cache, or after half an hour, the page asks for the file once more.
"""

import secrets
from dataclasses import dataclass

from django.core.cache import cache

from budgetsite.pages.access import PageRequest

KEPT_SECONDS = 30 * 60


@dataclass(frozen=True, slots=True)
class KeptUpload:
    token: str
    filename: str
    content: bytes


def keep_upload(request: PageRequest, *, purpose: str, filename: str, content: bytes) -> KeptUpload:
    token = secrets.token_urlsafe(24)
    cache.set(_key(request, purpose, token), (filename, content), KEPT_SECONDS)
    return KeptUpload(token, filename, content)


def find_upload(request: PageRequest, token: str, *, purpose: str) -> KeptUpload | None:
    """Return what this person kept in this account for this purpose under `token`, or None once it is gone."""
    if not token or len(token) > 64:
        return None
    found = cache.get(_key(request, purpose, token))
    return None if found is None else KeptUpload(token, *found)


def forget_upload(request: PageRequest, token: str, *, purpose: str) -> None:
    cache.delete(_key(request, purpose, token))


def _key(request: PageRequest, purpose: str, token: str) -> str:
    return f"{purpose}:{request.account.pk}:{request.user.pk}:{token}"
