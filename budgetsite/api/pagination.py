"""Pages of lists: by `limit` and `offset` with a count, or by `cursor` where a list can be long."""

from typing import Any

from django.core.exceptions import FieldError
from django.core.exceptions import ValidationError as ModelValidationError
from rest_framework import pagination
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.utils.urls import remove_query_param, replace_query_param

from budgetsite.api.refusals import field_refusal

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_OFFSET = 1_000_000


def _number(request: Request, name: str, *, lowest: int, highest: int) -> int | None:
    text = request.query_params.get(name)
    if text is None:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= 12 and lowest <= int(text) <= highest):
        raise field_refusal(name, "out_of_range", f"“{name}” is a whole number from {lowest} to {highest}.")
    return int(text)


def limit_of(request: Request, *, highest: int = MAX_LIMIT) -> int:
    """Return how many rows the request wants. Anything but a number from 1 to `highest` is a 400."""
    return _number(request, "limit", lowest=1, highest=highest) or DEFAULT_LIMIT


class OffsetPagination(pagination.LimitOffsetPagination):
    """`{"count", "next", "previous", "results"}`; `skip` is another word for `offset`."""

    default_limit = DEFAULT_LIMIT
    max_limit = MAX_LIMIT
    template = None

    def get_limit(self, request: Request) -> int:
        return limit_of(request)

    def get_offset(self, request: Request) -> int:
        offset = _number(request, "offset", lowest=0, highest=MAX_OFFSET)
        skip = _number(request, "skip", lowest=0, highest=MAX_OFFSET)
        if offset is not None and skip is not None and offset != skip:
            raise field_refusal("skip", "ambiguous", "“skip” and “offset” mean the same; send one of them.")
        return offset if offset is not None else (skip or 0)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        # Both are checked before anything is asked of the database.
        limit, offset = self.limit, self.offset = self.get_limit(request), self.get_offset(request)
        self.count = self.get_count(queryset)
        return list(queryset[offset : offset + limit]) if offset < self.count else []

    def get_next_link(self) -> str | None:
        link = super().get_next_link()
        return link and remove_query_param(link, "skip")

    def get_previous_link(self) -> str | None:
        if not self.offset or not self.count or self.limit is None or self.request is None:
            return None
        # A page beyond the end leads back to the last rows that there are.
        offset = max(0, min(self.offset, self.count) - self.limit)
        link = replace_query_param(self.request.build_absolute_uri(), "limit", str(self.limit))
        return replace_query_param(remove_query_param(link, "skip"), "offset", str(offset))

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("limit", "How many to answer.", minimum=1, maximum=MAX_LIMIT, default=DEFAULT_LIMIT),
            _parameter("offset", "How many to leave out first.", minimum=0, maximum=MAX_OFFSET, default=0),
            _parameter("skip", "The same as offset.", minimum=0, maximum=MAX_OFFSET),
        ]


class CursorPagination(pagination.CursorPagination):
    """`{"next", "previous", "results"}` by keyset: as fast at a long list's end as at its start, never counted.

    A view names a unique, unchanging column as its `cursor_ordering` ("-seq").
    """

    page_size = DEFAULT_LIMIT
    max_page_size = MAX_LIMIT
    page_size_query_param = "limit"
    template = None

    def get_page_size(self, request: Request) -> int:
        refuse_offset(request)
        return limit_of(request, highest=self.max_page_size)

    def get_ordering(self, request: Request, queryset: Any, view: Any) -> tuple[str, ...]:
        return (view.cursor_ordering,)

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self._column = queryset.model._meta.get_field(view.cursor_ordering.lstrip("-"))
        return super().paginate_queryset(queryset, request, view) or []

    def decode_cursor(self, request: Request) -> Any:
        try:
            cursor = super().decode_cursor(request)
            if cursor is not None and cursor.position is not None:
                self._column.to_python(cursor.position)
        except (NotFound, ModelValidationError, FieldError, ValueError) as error:
            raise bad_cursor() from error
        return cursor

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return [
            _parameter("limit", "How many to answer.", minimum=1, maximum=self.max_page_size, default=DEFAULT_LIMIT),
            {
                "name": "cursor",
                "in": "query",
                "required": False,
                "description": "Where to go on: take it from `next` or `previous`.",
                "schema": {"type": "string"},
            },
        ]


def refuse_offset(request: Request) -> None:
    """Refuse to count rows off where that would be ignored, so that nobody reads the first page for ever."""
    for name in ("offset", "skip"):
        if name in request.query_params:
            detail = f"This list has no “{name}”. Start without “cursor” and follow “next” from page to page."
            raise field_refusal(name, "unsupported", detail)


def bad_cursor() -> Exception:
    return field_refusal("cursor", "invalid", "This cursor leads nowhere. Start without one and follow “next”.")


def _parameter(name: str, description: str, **schema: Any) -> dict[str, Any]:
    return {
        "name": name,
        "in": "query",
        "required": False,
        "description": description,
        "schema": {"type": "integer", **schema},
    }
