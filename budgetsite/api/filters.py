"""Filters that all lists share. A value that can't be meant is refused, not ignored."""

from typing import Any

import django_filters
from django import forms
from django.core.exceptions import ValidationError
from rest_framework.filters import BaseFilterBackend, SearchFilter
from rest_framework.request import Request

from budgetsite.api.refusals import field_refusal

_TRUTH = {"true": True, "1": True, "false": False, "0": False}


class _TruthField(forms.CharField):
    def to_python(self, value: Any) -> Any:
        if value in (None, ""):
            return None
        truth = _TRUTH.get(str(value).strip().lower())
        if truth is None:
            raise ValidationError("Write true or false.", code="invalid")
        return truth


class TruthFilter(django_filters.Filter):
    """`true` or `false`; anything else is a 400."""

    field_class = _TruthField


class OrderingBackend(BaseFilterBackend):
    """`ordering=name` or `-name`, several with commas, by the names in the view's `ordering_fields`: name → column.

    The primary key comes last, so that pages never overlap. Without `ordering` the view's queryset decides.
    """

    def filter_queryset(self, request: Request, queryset: Any, view: Any) -> Any:
        wanted = request.query_params.get("ordering")
        if not wanted:
            return queryset
        columns: dict[str, str] = getattr(view, "ordering_fields", {})
        order = []
        for name in wanted.split(","):
            column = columns.get(name.strip().lstrip("-"))
            if column is None or name.strip().startswith("--"):
                known = ", ".join(columns) or "nothing"
                raise field_refusal("ordering", "invalid_choice", f"This list can be ordered by: {known}.")
            order.append(f"-{column}" if name.strip().startswith("-") else column)
        return queryset.order_by(*order, "-pk" if order[0].startswith("-") else "pk")

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        names = list(getattr(view, "ordering_fields", {}))
        if not names:
            return []
        return [
            {
                "name": "ordering",
                "in": "query",
                "required": False,
                "description": "A name, or several with commas; a minus in front turns the order round.",
                "schema": {"type": "string", "example": f"-{names[0]}"},
                "x-allowed": names,
            }
        ]


class SearchBackend(SearchFilter):
    """`search`, where the view has `search_fields`."""

    def get_search_terms(self, request: Request) -> Any:
        if len(request.query_params.get(self.search_param, "")) > 200:
            raise field_refusal("search", "max_length", "Search for 200 characters or fewer.")
        return super().get_search_terms(request)

    def get_schema_operation_parameters(self, view: Any) -> list[dict[str, Any]]:
        return super().get_schema_operation_parameters(view) if getattr(view, "search_fields", None) else []
