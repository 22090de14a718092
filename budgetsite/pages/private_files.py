"""Files of an account that only some may see, handed out by a view after it has looked who asks."""

from collections.abc import Callable
from pathlib import PurePath

from django.core.files.base import File
from django.http import FileResponse, HttpRequest
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag

# Nothing in it runs or is loaded, should a browser show it all the same.
SANDBOX = "default-src 'none'; sandbox"
_SUFFIXES = {
    "image/jpeg": (".jpg", ".jpeg"),
    "image/png": (".png",),
    "image/gif": (".gif",),
    "application/pdf": (".pdf",),
}


def private_file(
    request: HttpRequest,
    open_file: "Callable[[], File[bytes]]",
    *,
    name: str,
    content_type: str,
    tag: str,
    shown: bool,
) -> HttpResponseBase:
    """Stream a file. `shown` lets a browser show it (a picture that was made anew here); all else it saves.

    A browser may keep it, and asks each time whether it still may show it: `tag` names the content. Whatever the file
    was called, its name here says what it is.
    """
    kept = {"ETag": quote_etag(tag), "Cache-Control": "private, no-cache"}
    unchanged = get_conditional_response(request, etag=kept["ETag"])
    if unchanged is not None:
        for header, value in kept.items():
            unchanged[header] = value
        return unchanged
    return FileResponse(
        open_file(),
        as_attachment=not shown,
        filename=_named(name, content_type),
        content_type=content_type,
        headers={**kept, "X-Content-Type-Options": "nosniff", "Content-Security-Policy": SANDBOX},
    )


def _named(name: str, content_type: str) -> str:
    suffixes = _SUFFIXES[content_type]
    return name if PurePath(name).suffix.lower() in suffixes else f"{name}{suffixes[0]}"
