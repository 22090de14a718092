"""Charts in templates: `{% load charts %}`. Each has its words; the figures stand in a table beside it."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from django import template

from budgetsite.pages import amounts, charts
from budgetsite.pages.course_chart import CourseChart

register = template.Library()


@register.inclusion_tag("components/charts/columns.html")
def column_chart(values: Sequence[tuple[str, Decimal]], *, name: str, title: str, description: str) -> dict[str, Any]:
    """`{% column_chart months name="spending" title="…" description="…" %}`: (label, value) pairs from left to right.

    `name` is the picture's own on its page; title and description say what it shows to who cannot see it.
    """
    return {"chart": charts.column_chart(values), "name": name, "title": title, "description": description}


@register.inclusion_tag("components/charts/share.html")
def share_bar(share: Decimal, typical: Decimal | None, scale: Decimal) -> dict[str, Any]:
    """`{% share_bar row.share row.typical scale %}`: a share with a mark where the typical one is, for tables."""
    words = amounts.format_percentage(share)
    if typical is not None:
        words = f"{words}; {amounts.format_percentage(typical)} is typical"
    return {"bar": charts.share_bar(share, typical, scale), "words": words}


@register.inclusion_tag("components/charts/stack.html")
def stacked_bar(parts: Sequence[tuple[str, str, Decimal]], currency: str, *, title: str) -> dict[str, Any]:
    """`{% stacked_bar parts currency title="…" %}`: (kind, label, amount) side by side, with the words beneath."""
    return {"stretches": charts.stacked(parts), "currency": currency, "title": title}


@register.inclusion_tag("components/charts/course.html")
def course(chart: CourseChart, *, name: str, title: str, description: str, limit_label: str) -> dict[str, Any]:
    """`{% course chart name="forecast" title="…" description="…" limit_label="…" %}`: lines of running sums."""
    return {
        "chart": chart,
        "name": name,
        "title": title,
        "description": description,
        "limit_label": limit_label,
    }
