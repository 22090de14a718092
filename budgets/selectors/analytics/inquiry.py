"""Who asks about which events, in which currency, as of when. Every question of this folder begins with it."""

from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Case, Count, DateField, DateTimeField, F, Func, Q, QuerySet, Sum, Value, When
from django.db.models.functions import Cast, Coalesce, Greatest

from budgets.models import LOCKED_STATUSES, EventBudget, Expense
from budgetsite.accounts.models import Account
from budgetsite.accounts.roles import BACK_OFFICE, Role
from budgetsite.money import ratios
from budgetsite.money.model_fields import AmountField

ZERO = Decimal(0)

# Midnight falls on a quarter of an hour everywhere: figures as of the last one have today's date in each time zone.
CLOCK_STEP = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Inquiry:
    """`currency` is the one that is answered; amounts in others stand apart and are never added to it.

    `first` and `last` are days, both included, on which events begin where they are; for the months of spending they
    are days on which money moved, in the account's zone. `as_of` is a quarter of an hour, see `inquiry_at`.
    """

    account_id: UUID
    zone: str
    currency: str
    user_id: UUID
    role: Role
    as_of: datetime
    event_type: str = ""
    client_id: UUID | None = None
    first: date | None = None
    last: date | None = None

    @property
    def whose(self) -> str:
        """Who is shown the same rows: the back office as one, everybody else for themselves."""
        return "back office" if self.role in BACK_OFFICE else f"{self.role} {self.user_id}"

    def on_any_day(self) -> "Inquiry":
        """Return the same about events on whatever day."""
        return replace(self, first=None, last=None)


def inquiry_at(now: datetime, *, account: Account, user_id: UUID, role: Role, **narrowing: Any) -> Inquiry:
    """Return an inquiry as of the last quarter of an hour. Left out, the currency is the account's."""
    return Inquiry(
        account_id=account.pk,
        zone=account.timezone,
        currency=narrowing.pop("currency", "") or account.currency,
        user_id=user_id,
        role=role,
        as_of=now - timedelta(seconds=now.timestamp() % CLOCK_STEP.total_seconds()),
        **narrowing,
    )


def budgets_of(inquiry: Inquiry, *, all_currencies: bool = False) -> QuerySet[EventBudget]:
    """Return the live budgets of the events that the inquiry is about and its asker may see."""
    budgets = EventBudget.objects.visible_to(user_id=inquiry.user_id, role=inquiry.role)
    if not all_currencies:
        budgets = budgets.filter(currency=inquiry.currency)
    return _about(budgets, inquiry)


def expenses_of(inquiry: Inquiry, *, all_currencies: bool = False) -> QuerySet[Expense]:
    """Return the live expenses of these events; their currency is the one that they are billed in."""
    expenses = Expense.objects.visible_to(user_id=inquiry.user_id, role=inquiry.role).filter(budget__deleted_at=None)
    if not all_currencies:
        expenses = expenses.filter(currency=inquiry.currency)
    return _about(expenses, inquiry)


def past(budgets: QuerySet[EventBudget], inquiry: Inquiry) -> QuerySet[EventBudget]:
    """Keep the budgets whose story is over: closed, or of an event that has begun."""
    return budgets.filter(Q(status__in=LOCKED_STATUSES) | Q(event__event_date__lte=inquiry.as_of))


def on_the_clock(zone: F, moment: F | Value) -> Cast:
    """Return the day of a moment as the calendar of a zone, named in another column, shows it."""
    return Cast(Func(zone, moment, function="timezone", output_field=DateTimeField()), DateField())


def _about(rows: QuerySet[Any], inquiry: Inquiry) -> QuerySet[Any]:
    rows = rows.filter(event__deleted_at=None)
    if inquiry.event_type:
        rows = rows.filter(event__event_type=inquiry.event_type)
    if inquiry.client_id:
        rows = rows.filter(event__client_id=inquiry.client_id)
    if inquiry.first or inquiry.last:
        rows = rows.alias(event_day=on_the_clock(F("event__timezone"), F("event__event_date")))
    if inquiry.first:
        rows = rows.filter(event_day__gte=inquiry.first)
    if inquiry.last:
        rows = rows.filter(event_day__lte=inquiry.last)
    return rows


@dataclass(frozen=True, slots=True)
class Figures:
    """The sums of several budgets in one currency. `overrun` adds what single budgets are over: savings hide none."""

    currency: str
    budget_count: int = 0
    over_count: int = 0
    budgeted: Decimal = ZERO
    committed: Decimal = ZERO
    actual: Decimal = ZERO
    overrun: Decimal = ZERO
    projected_income: Decimal = ZERO
    income: Decimal = ZERO

    def __add__(self, other: "Figures") -> "Figures":
        if self.currency != other.currency:
            raise ValueError(f"{self.currency} and {other.currency} are never added")
        return Figures(
            self.currency,
            *(getattr(self, name) + getattr(other, name) for name in Figures.__slots__ if name != "currency"),
        )

    @property
    def available(self) -> Decimal:
        return ratios.available(self.budgeted, self.committed, self.actual)

    @property
    def variance(self) -> Decimal:
        return ratios.variance(self.budgeted, self.actual)

    @property
    def variance_percentage(self) -> Decimal | None:
        return ratios.variance_percentage(self.budgeted, self.actual)

    @property
    def utilization_percentage(self) -> Decimal:
        return ratios.utilization_percentage(self.budgeted, self.committed, self.actual)

    @property
    def result(self) -> Decimal:
        return self.income - self.actual


IN_FORCE = Coalesce("approved_total_amount", "total_budget_amount")


def _sum(expression: Any) -> Coalesce:
    return Coalesce(Sum(expression), Value(ZERO), output_field=AmountField())


_FIGURES = {
    "budget_count": Count("pk"),
    "over_count": Count("pk", filter=Q(variance_amount__lt=0)),
    "budgeted": _sum(IN_FORCE),
    "committed": _sum("total_committed_amount"),
    "actual": _sum("total_actual_amount"),
    "overrun": _sum(Greatest(-F("variance_amount"), Value(ZERO), output_field=AmountField())),
    "projected_income": _sum("projected_income_amount"),
    "income": _sum("total_income_amount"),
}

IS_CLOSED = Case(When(status__in=LOCKED_STATUSES, then=Value(True)), default=Value(False))


def figures_by(budgets: QuerySet[EventBudget], *group: str, **named: Any) -> list[dict[str, Any]]:
    """Return, for each currency and group, the group's values and the `figures` of its budgets. One statement."""
    rows: Any = budgets.order_by().annotate(**named).values("currency", *group, *named).annotate(**_FIGURES)
    return [
        {name: row[name] for name in (*group, *named)}
        | {"figures": Figures(row["currency"], **{name: row[name] for name in _FIGURES})}
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class EventName:
    """An event as a row of figures names it, and its budget."""

    event_id: UUID
    budget_id: UUID
    name: str
    event_type: str
    event_date: datetime
    zone: str


@dataclass(frozen=True, slots=True)
class EventFigures:
    """One event's budget in figures."""

    event: EventName
    client_id: UUID | None
    status: str
    figures: Figures


def event_figures(budget: EventBudget) -> EventFigures:
    """Describe a budget that was read with its event."""
    event = budget.event
    return EventFigures(
        event=EventName(event.pk, budget.pk, event.name, event.event_type, event.event_date, event.timezone),
        client_id=event.client_id,
        status=budget.status,
        figures=Figures(
            currency=budget.currency,
            budget_count=1,
            over_count=int(budget.is_over_budget),
            budgeted=budget.in_force_amount,
            committed=budget.total_committed_amount,
            actual=budget.total_actual_amount,
            overrun=budget.overrun_amount,
            projected_income=budget.projected_income_amount,
            income=budget.total_income_amount,
        ),
    )
