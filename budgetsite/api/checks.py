"""At start-up: no REST endpoint without a word about who may call it."""

from collections.abc import Iterator, Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.urls import URLPattern, URLResolver, get_resolver
from rest_framework.views import APIView

from budgetsite.api.permissions import RolePermission, undeclared_actions

_METHODS = ("get", "post", "put", "patch", "delete")


@register(Tags.urls)
def check_actions_are_declared(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    return [
        Error(str(problem), id="api.E001")
        for view, names in rest_views(get_resolver().url_patterns)
        if RolePermission in view.permission_classes
        for problem in undeclared_actions(view, names)
    ]


def rest_views(patterns: Sequence[URLPattern | URLResolver]) -> Iterator[tuple[type[APIView], list[str]]]:
    """Yield every REST view below `patterns` with the names (actions, or methods) that it answers there."""
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            yield from rest_views(pattern.url_patterns)
            continue
        view = getattr(pattern.callback, "cls", None)
        if isinstance(view, type) and issubclass(view, APIView):
            by_method = getattr(pattern.callback, "actions", None)
            names = list(by_method.values()) if by_method else [name for name in _METHODS if hasattr(view, name)]
            yield view, names
