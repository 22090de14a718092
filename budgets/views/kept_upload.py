"""An uploaded file, kept on our side between looking at it and importing it.

It waits in the cache under a key that nobody can guess and that belongs to one person in one account; the page carries
the key alone. Without the cache, or after half an hour, the page asks for the file once more.
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


def keep_upload(request: PageRequest, *, filename: str, content: bytes) -> KeptUpload:
    token = secrets.token_urlsafe(24)
    cache.set(_key(request, token), (filename, content), KEPT_SECONDS)
    return KeptUpload(token, filename, content)


def find_upload(request: PageRequest, token: str) -> KeptUpload | None:
    """Return what this person kept in this account under `token`, or None once it is gone."""
    if not token or len(token) > 64:
        return None
    found = cache.get(_key(request, token))
    return None if found is None else KeptUpload(token, *found)


def forget_upload(request: PageRequest, token: str) -> None:
    cache.delete(_key(request, token))


def _key(request: PageRequest, token: str) -> str:
    return f"plan-import:{request.account.pk}:{request.user.pk}:{token}"
