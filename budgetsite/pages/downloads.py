"""Files that a person keeps, whether a page or a program asked for them."""

from django.http import HttpResponse
from django.utils.http import content_disposition_header


def download(content: bytes, *, filename: str, content_type: str) -> HttpResponse:
    """Answer a file to be saved, never shown in the site's own name. Letters beyond ASCII go as RFC 5987 says."""
    return HttpResponse(
        content,
        content_type=content_type,
        headers={
            "Content-Disposition": content_disposition_header(True, filename) or "attachment",
            "Content-Length": str(len(content)),
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "private, no-store",
        },
    )
