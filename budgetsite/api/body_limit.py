"""Requests that are far too large are answered before anything of them is read, whoever sends them."""

from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

MEGABYTE = 1024 * 1024


class BodyLimitMiddleware:
    """Answer 413 to what says that it is longer than `MAX_REQUEST_BYTES`.

    Without it a form's files would be written to disk, of any length, when its CSRF token is looked for: before any
    view could say no. No server reads on beyond the length that a request names.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isdecimal() and int(length) > settings.MAX_REQUEST_BYTES:
            return _too_large(request, settings.MAX_REQUEST_BYTES // MEGABYTE)
        return self.get_response(request)


def _too_large(request: HttpRequest, megabytes: int) -> HttpResponse:
    if request.path.startswith("/api/"):
        detail = f"The request is larger than {megabytes} MB. Send fewer or smaller files at once."
        errors = [{"code": "too_large", "detail": detail, "attr": None}]
        return JsonResponse({"type": "client_error", "errors": errors}, status=413)
    return render(None, "413.html", {"megabytes": megabytes}, status=413)
