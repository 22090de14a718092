"""Paths of the REST contract: without a slash at the end, and with one all the same.

A redirect to the right spelling would lose a POST's body, so both are answered.
"""

from collections.abc import Callable
from typing import Any

from django.urls import URLPattern
from django.urls.resolvers import RoutePattern


class _SlashTolerantRoute(RoutePattern):
    def match(self, path: str) -> Any:
        return super().match(path) or super().match(path.removesuffix("/"))


def api_path(route: str, view: Callable[..., Any], *, name: str) -> URLPattern:
    """Return the pattern of `route`, as in `django.urls.path`, that takes one slash more at its end."""
    return URLPattern(_SlashTolerantRoute(route, name=name, is_endpoint=True), view, {}, name)
