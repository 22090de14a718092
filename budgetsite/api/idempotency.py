"""`Idempotency-Key`: the same POST sent twice, or twice at once, happens once and is answered the same both times."""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from uuid import uuid4

from django.core.files.uploadedfile import UploadedFile
from django.db import connection
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from budgetsite.api.machines import api_key_of
from budgetsite.api.models import KeptAnswer
from budgetsite.api.refusals import Conflict, field_refusal
from budgetsite.tenancy.scope import require_tenant_id

HEADER = "Idempotency-Key"
MAX_KEY_LENGTH = 200
_KEPT_HEADERS = ("ETag", "Location")


class ShownOnce(Response):
    """An answer with secrets that are kept nowhere: a repeat of the request finds null in their places."""

    def __init__(self, data: dict[str, Any], *, secrets: Sequence[str], **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.kept_data = {name: None if name in secrets else value for name, value in data.items()}


class AnswersOnce:
    """Lets every POST of a view carry an `Idempotency-Key`. Answers of refused requests are not kept."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)  # type: ignore[misc]
        key = request.headers.get(HEADER)
        if request.method == "POST" and key is not None:
            handler = self.post  # type: ignore[has-type]
            self.post = lambda request, *args, **kwargs: answer_once(
                request, key, lambda: handler(request, *args, **kwargs)
            )


def answer_once(request: Request, key: str, handle: Callable[[], Response]) -> Response:
    """Handle the request, unless one with this key was handled before: then answer what that one did.

    A request that comes while the first is under way waits for it on the unique index. Raises 409
    `idempotency_mismatch` when the key came with another body.
    """
    key = key.strip()
    if not key or len(key) > MAX_KEY_LENGTH or not key.isprintable():
        raise field_refusal(HEADER, "invalid", f"An idempotency key has 1 to {MAX_KEY_LENGTH} printable characters.")
    path = request.path.rstrip("/")[:500]
    fingerprint = _fingerprint(request)
    kept_id = _claim(request, path, key, fingerprint)
    if kept_id is None:
        return _kept_answer(request, path, key, fingerprint)
    response = handle()
    if response.status_code >= 400:
        request._request.rolls_back = True  # type: ignore[attr-defined]
        return response
    kept = getattr(response, "kept_data", response.data)
    KeptAnswer.objects.filter(pk=kept_id).update(
        status=response.status_code,
        body="" if kept is None else JSONRenderer().render(kept).decode(),
        headers={name: response[name] for name in _KEPT_HEADERS if response.has_header(name)},
    )
    return response


def _claim(request: Request, path: str, key: str, fingerprint: bytes) -> Any:
    """Take the key for this request and return its row's id; None when another request had it first."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO api_keptanswer
                (id, tenant_id, user_id, api_key_id, path, key, fingerprint, status, body, headers)
            VALUES (%s, %s, %s, %s, %s, %s, %s, 0, '', '{}')
            ON CONFLICT (tenant_id, user_id, api_key_id, path, key) DO NOTHING
            RETURNING id
            """,
            [uuid4(), require_tenant_id(), *_asker(request).values(), path, key, fingerprint],
        )
        row = cursor.fetchone()
    return row[0] if row else None


def _asker(request: Request) -> dict[str, Any]:
    """Return the columns that say who asks: a machine's idempotency keys are apart from everybody else's."""
    machine = api_key_of(request)
    return (
        {"user_id": request.user.pk, "api_key_id": None}
        if machine is None
        else {"user_id": None, "api_key_id": machine.pk}
    )


def _kept_answer(request: Request, path: str, key: str, fingerprint: bytes) -> Response:
    kept = KeptAnswer.objects.get(**_asker(request), path=path, key=key)
    if bytes(kept.fingerprint) != fingerprint:
        raise Conflict(
            "idempotency_mismatch",
            "This idempotency key was used before, for something else. Use a new key for a new request.",
        )
    data = json.loads(kept.body) if kept.body else None
    return Response(data, status=kept.status, headers={**kept.headers, "Idempotent-Replay": "true"})


def _fingerprint(request: Request) -> bytes:
    """Return a digest of what the request says, whatever its spaces, its order of keys or its multipart boundary."""
    said = {"query": sorted(request.query_params.lists()), "body": _said(request.data)}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).digest()


def _said(data: Any) -> Any:
    if not isinstance(data, Mapping) or not hasattr(data, "lists"):
        return data
    return {name: [_digest(value) for value in values] for name, values in data.lists()}


def _digest(value: Any) -> Any:
    if not isinstance(value, UploadedFile):
        return value
    digest = hashlib.sha256()
    for chunk in value.chunks():
        digest.update(chunk)
    value.seek(0)
    return [value.name, digest.hexdigest()]
