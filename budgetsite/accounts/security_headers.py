"""Headers that depend on who asks and for what; the constant ones are settings."""

from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

PERMISSIONS_POLICY = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"

# The admin's theme comes with Alpine.js, which evaluates its attributes, with widths in style attributes, and with an
# htmx that adds one style element, known by its hash. Scripts and styles written into a page stay forbidden there too.
HTMX_INDICATOR_STYLE = "'sha256-bsV5JivYxvGywDAZ22EZJKBFip65Ng9xoJVLbBg7bdo='"
ADMIN_POLICY = {
    "script-src": [SELF, UNSAFE_EVAL],
    "style-src": [SELF, HTMX_INDICATOR_STYLE],
    "style-src-attr": [UNSAFE_INLINE],
}


class SecurityHeadersMiddleware:
    """Behind the one that knows the user: what a signed-in person or a program was shown is kept by no cache."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self._admin = reverse("admin:index")

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.setdefault("Permissions-Policy", PERMISSIONS_POLICY)
        if request.path.startswith("/api/v1/") or request.user.is_authenticated:
            response.setdefault("Cache-Control", "private, no-store")
        if request.path.startswith(self._admin):
            response._csp_replace = ADMIN_POLICY  # type: ignore[attr-defined]
        return response
