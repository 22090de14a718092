from collections.abc import Iterable
from datetime import date, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from django.contrib.postgres.fields import ArrayField
from django.db.models import DateField, DateTimeField, F, Func, Q, TextField, Value
from django.db.models.functions import Cast

from budgetsite.accounts.roles import BACK_OFFICE, Role
from budgetsite.tenancy.models import LiveManager, TenantQuerySet

if TYPE_CHECKING:
    from budgets.models.event_budget import EventBudget  # noqa: F401  (named in a string below)
    from budgets.models.expense import Expense  # noqa: F401  (named in a string below)
    from budgets.models.scoped_budget import ScopedBudget  # noqa: F401  (named in a string below)


def _of_events_in_sight(user_id: UUID, role: Role) -> Q:
    """Whose events' money a person sees."""
    if role in BACK_OFFICE:
        return Q()
    if role == Role.ORGANIZER:
        return Q(event__organizer_id=user_id) | Q(event__created_by_id=user_id)
    if role == Role.CLIENT:
        return Q(event__client_id=user_id)
    return Q(pk__in=[])


class EventBudgetQuerySet(TenantQuerySet["EventBudget"]):
    def newest_first(self) -> "EventBudgetQuerySet":
        return self.order_by("-created_at", "-id")

    def visible_to(self, *, user_id: UUID, role: Role) -> "EventBudgetQuerySet":
        """The back office sees all, organizers those of the events they run, clients their own event's."""
        return self.filter(_of_events_in_sight(user_id, role))

    def in_review(self) -> "EventBudgetQuerySet":
        return self.filter(status="review", event__deleted_at=None)

    def due(self, *, now: datetime) -> "EventBudgetQuerySet":
        """Approved, and the day of the event has come where the event is."""
        zone = F("event__timezone")
        return self.alias(
            event_day=Cast(_on_the_clock(zone, F("event__event_date")), DateField()),
            today_there=Cast(_on_the_clock(zone, Value(now, output_field=DateTimeField())), DateField()),
        ).filter(status="approved", event__deleted_at=None, event_day__lte=F("today_there"))

    def over_budget(self) -> "EventBudgetQuerySet":
        return self.filter(variance_amount__lt=0)

    def within_budget(self) -> "EventBudgetQuerySet":
        return self.filter(variance_amount__gte=0)


def _on_the_clock(zone: F, moment: F | Value) -> Func:
    """Return a moment as the clock of a zone, named in another column, shows it."""
    return Func(zone, moment, function="timezone", output_field=DateTimeField())


class EventBudgetManager(LiveManager.from_queryset(EventBudgetQuerySet)):  # type: ignore[misc]
    pass


class ExpenseQuerySet(TenantQuerySet["Expense"]):
    def newest_first(self) -> "ExpenseQuerySet":
        return self.order_by("-created_at", "-id")

    def visible_to(self, *, user_id: UUID, role: Role) -> "ExpenseQuerySet":
        """The back office sees all, organizers those of the events they run, clients their own event's."""
        return self.filter(_of_events_in_sight(user_id, role))

    def live(self) -> "ExpenseQuerySet":
        """Neither cancelled nor refused."""
        return self.exclude(stage="cancelled").exclude(approval="rejected")

    def overdue(self, *, now: datetime) -> "ExpenseQuerySet":
        """Something should have been paid before today, where the event is."""
        return self._with_today(now).filter(next_due_date__lt=F("today_there"))

    def not_overdue(self, *, now: datetime) -> "ExpenseQuerySet":
        return self._with_today(now).filter(Q(next_due_date=None) | Q(next_due_date__gte=F("today_there")))

    def with_payment_status(self, status: str, *, now: datetime) -> "ExpenseQuerySet":
        """Those that show `status` (one of `PaymentStatus`) at `now`: overdue goes before what is stored."""
        if status == "overdue":
            return self.overdue(now=now)
        return self.not_overdue(now=now).filter(payment_status=status)

    def _with_today(self, now: datetime) -> "ExpenseQuerySet":
        moment = Value(now, output_field=DateTimeField())
        return self.alias(today_there=Cast(_on_the_clock(F("event__timezone"), moment), DateField()))


class ExpenseManager(LiveManager.from_queryset(ExpenseQuerySet)):  # type: ignore[misc]
    pass


class ScopedBudgetQuerySet(TenantQuerySet["ScopedBudget"]):
    def by_name(self) -> "ScopedBudgetQuerySet":
        return self.order_by("name", "id")

    def with_tree_place(self) -> "ScopedBudgetQuerySet":
        """Adds `tree_place`: ordered by it, each stands after the one that it is under, those under one by name."""
        return self.alias(tree_place=_TreePlace(F("path"), F("id")))

    def of_scope(self, scope_type: str, scope_id: str) -> "ScopedBudgetQuerySet":
        return self.filter(scope_type=scope_type, scope_id=scope_id)

    def in_force(self, *, today: date) -> "ScopedBudgetQuerySet":
        """Those that have not ended on `today`; where one is kept in another zone, by less than a day."""
        return self.filter(Q(end_date=None) | Q(end_date__gt=today))

    def below(self, budget_ids: Iterable[UUID]) -> "ScopedBudgetQuerySet":
        """These budgets and everything under them."""
        ids = list(budget_ids)
        return self.filter(Q(pk__in=ids) | Q(path__overlap=ids))


class _TreePlace(Func):
    """The names from the top down to a budget: sorted by them, budgets stand as in the tree."""

    template = (
        "ARRAY(SELECT lower(above.name) || above.id FROM budgets_scopedbudget above "
        "WHERE above.id = ANY (%(expressions)s) ORDER BY above.depth)"
    )
    arg_joiner = " || "
    output_field = ArrayField(TextField())


class ScopedBudgetManager(LiveManager.from_queryset(ScopedBudgetQuerySet)):  # type: ignore[misc]
    pass
