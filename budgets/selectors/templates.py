"""Reading templates for lists and for their own pages."""

from decimal import Decimal
from typing import Any

from django.db.models import Count, DecimalField, Exists, IntegerField, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Lower

from budgets.models import BudgetTemplate, LineKind, TemplateBasis, TemplateLine


def templates_by_name() -> QuerySet[BudgetTemplate]:
    """Return the account's templates by name, each with what it is made of, in one statement.

    `line_count`; `shares`, which its lines of cost add up to in percent; `share_count`, `amount_count` and
    `per_head_count`, how many lines have that basis; `needs_total`: it has shares of something.
    """
    shares = _lines(basis=TemplateBasis.SHARE, kind=LineKind.COST).annotate(found=Sum("value")).values("found")
    percent: DecimalField[Any, Any] = DecimalField(max_digits=15, decimal_places=3)
    templates: QuerySet[BudgetTemplate] = (
        BudgetTemplate.objects.annotate(
            line_count=_count(),
            shares=Coalesce(Subquery(shares), Value(Decimal(0)), output_field=percent),
            share_count=_count(basis=TemplateBasis.SHARE),
            amount_count=_count(basis=TemplateBasis.AMOUNT),
            per_head_count=_count(basis=TemplateBasis.PER_HEAD),
            needs_total=Exists(_lines(basis=TemplateBasis.SHARE, value__gt=0)),
        )
        .select_related("created_by")
        .order_by(Lower("name"), "pk")
    )
    return templates


def _lines(**wanted: Any) -> QuerySet[Any, Any]:
    lines: QuerySet[TemplateLine] = TemplateLine.objects.filter(template=OuterRef("pk"), **wanted)
    return lines.order_by().values("template")


def _count(**wanted: Any) -> Coalesce:
    counted = _lines(**wanted).annotate(found=Count("pk")).values("found")
    return Coalesce(Subquery(counted), Value(0), output_field=IntegerField())
