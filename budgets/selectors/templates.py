"""Reading templates for lists and for their own pages."""

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, DecimalField, Exists, IntegerField, OuterRef, QuerySet, Subquery, Sum, Value
from django.db.models.functions import Coalesce, Lower

from budgets.models import BudgetTemplate, EventBudget, LineKind, TemplateBasis, TemplateLine
from budgetsite.accounts.roles import Role
from events.models import Event

EVENTS_OFFERED = 200


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


def templates_to_choose() -> list[BudgetTemplate]:
    """Return the account's templates by name: one statement."""
    return list(BudgetTemplate.objects.order_by(Lower("name"), "pk"))


def events_without_budget(*, user_id: UUID, role: Role) -> list[Event]:
    """Return the events in sight that have no budget yet, the latest first: those that one may be opened for."""
    budgets = EventBudget.objects.filter(event=OuterRef("pk"), deleted_at=None)
    found: QuerySet[Event] = Event.objects.visible_to(user_id=user_id, role=role)
    return list(found.filter(~Exists(budgets)).order_by("-event_date", "-pk")[:EVENTS_OFFERED])
