"""Pages of long lists that can be ordered in several ways, by keyset: as fast at the end as at the start."""

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.core.exceptions import FieldError
from django.core.exceptions import ValidationError as ModelValidationError
from django.db.models import F, Q, QuerySet
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

from budgetsite.api.pagination import CursorPagination, bad_cursor
from budgetsite.api.refusals import field_refusal

_LONGEST_CURSOR = 500


@dataclass(frozen=True, slots=True)
class _Order:
    """One column, then the primary key. Rows without a value come last, whichever way round."""

    name: str
    column: str
    descending: bool
    field: Any

    def arranged(self, rows: QuerySet[Any], *, backwards: bool) -> QuerySet[Any]:
        descending = self.descending != backwards
        column: Any = F(self.column).desc() if descending else F(self.column).asc()
        if self.field.null:
            nulls = {"nulls_first": True} if backwards else {"nulls_last": True}
            column = F(self.column).desc(**nulls) if descending else F(self.column).asc(**nulls)
        return rows.order_by(column, "-pk" if descending else "pk")

    def beyond(self, place: "_Place") -> Q:
        """Return what comes after a place, or before it. The bound of the column alone lets an index start there."""
        way = "lt" if self.descending != place.backwards else "gt"
        further = Q(**{f"pk__{way}": place.pk})
        if place.value is None:
            without = Q(**{f"{self.column}__isnull": True})
            return without & further | ~without if place.backwards else without & further
        bound = Q(**{f"{self.column}__{way}e": place.value})
        found = bound & (Q(**{f"{self.column}__{way}": place.value}) | further)
        if self.field.null and not place.backwards:
            found |= Q(**{f"{self.column}__isnull": True})
        return found


@dataclass(frozen=True, slots=True)
class _Place:
    """A row that a page begins after or, `backwards`, ends before."""

    value: Any
    pk: UUID
    backwards: bool


class KeysetPagination(CursorPagination):
    """`{"next", "previous", "results"}`, ordered by one name of the view's `ordering_fields`.

    Without `ordering` it is the view's `cursor_ordering`. The rows are instances, or `values()` with "id" and the
    columns of the orderings. A cursor belongs to its ordering.

    A view whose rows are joined from many tables filters and orders plain ones, and reads what it shows of a page by
    `rows_of_page(keys)`, in the same statement: so the planner finds the page by the index, however many joins follow.
    """

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.request = request
        limit = self.get_page_size(request)
        self._order = _order_of(request, queryset, view)
        place = self._place(request)
        rows = queryset if place is None else queryset.filter(self._order.beyond(place))
        backwards = place is not None and place.backwards
        found = list(self._found(rows, view, backwards=backwards, most=limit + 1))
        more, page = len(found) > limit, found[:limit]
        if backwards:
            page.reverse()
        has_next, has_previous = (True, more) if backwards else (more, place is not None)
        self._next = self._cursor(page[-1], backwards=False) if page and has_next else None
        self._previous = self._cursor(page[0], backwards=True) if page and has_previous else None
        return page

    def _found(self, rows: QuerySet[Any], view: Any, *, backwards: bool, most: int) -> QuerySet[Any]:
        page = self._order.arranged(rows, backwards=backwards)[:most]
        rows_of_page = getattr(view, "rows_of_page", None)
        if rows_of_page is None:
            return page
        return self._order.arranged(rows_of_page(page.values("pk")), backwards=backwards)

    def get_next_link(self) -> str | None:
        return self._link(self._next)

    def get_previous_link(self) -> str | None:
        return self._link(self._previous)

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self.get_next_link(), "previous": self.get_previous_link(), "results": data})

    def _link(self, cursor: str | None) -> str | None:
        if cursor is None:
            return None
        assert self.request is not None
        return replace_query_param(self.request.build_absolute_uri(), "cursor", cursor)

    def _cursor(self, row: Any, *, backwards: bool) -> str:
        value, pk = (
            (row[self._order.column], row["id"])
            if isinstance(row, dict)
            else (getattr(row, self._order.column), row.pk)
        )
        said = value.isoformat() if isinstance(value, date) else None if value is None else str(value)
        text = json.dumps([self._order.name, said, str(pk), backwards])
        return base64.urlsafe_b64encode(text.encode()).decode()

    def _place(self, request: Request) -> _Place | None:
        cursor = request.query_params.get("cursor")
        if not cursor:
            return None
        if len(cursor) > _LONGEST_CURSOR:
            raise bad_cursor()
        try:
            name, said, pk, backwards = json.loads(base64.urlsafe_b64decode(cursor.encode("ascii")))
            value = None if said is None else self._order.field.to_python(said)
            place = _Place(value, UUID(pk), bool(backwards))
        except (
            binascii.Error, UnicodeError, ValueError, TypeError, AttributeError, RecursionError, ModelValidationError,
            FieldError,
        ) as error:  # fmt: skip
            raise bad_cursor() from error
        if name != self._order.name or (value is None and not self._order.field.null):
            raise bad_cursor()
        return place


def _order_of(request: Request, queryset: Any, view: Any) -> _Order:
    wanted = request.query_params.get("ordering") or view.cursor_ordering
    descending, name = wanted.startswith("-"), wanted.removeprefix("-").strip()
    column = view.ordering_fields.get(name)
    if column is None:
        known = ", ".join(view.ordering_fields)
        raise field_refusal("ordering", "invalid_choice", f"This list is ordered by one of: {known}.")
    return _Order(wanted, column, descending, queryset.model._meta.get_field(column))
