"""The field in which the staff choose a row by typing some letters of its name."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.contrib.admin.widgets import AutocompleteSelect


class RowWidget(AutocompleteSelect):
    """Whoever sends something else than an id gets the page back with the refusal: Django's own looks it up first."""

    def optgroups(self, name: str, value: Sequence[Any], attr: dict[str, Any] | None = None) -> Any:
        return super().optgroups(name, [one for one in value if not one or _is_id(one)], attr)


def _is_id(text: Any) -> bool:
    try:
        UUID(str(text))
    except ValueError:
        return False
    return True
