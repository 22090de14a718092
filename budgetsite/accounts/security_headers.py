"""Headers that depend on who asks and for what; the constant ones are settings."""

from collections.abc import Callable

from csp.constants import SELF, UNSAFE_EVAL, UNSAFE_INLINE
from django.http import HttpRequest, HttpResponse
from django.urls import reverse

PERMISSIONS_POLICY = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"

# The admin's theme comes with Alpine.js, which evaluates its attributes, and sets colours and widths in style
# elements and attributes. Scripts in the page stay forbidden there, as everywhere.
ADMIN_POLICY = {"script-src": [SELF, UNSAFE_EVAL], "style-src": [SELF, UNSAFE_INLINE]}


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
