"""How an event stands: its money and its registrations, from counters alone, however many there are."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from budgets.models import EventBudget
from budgetsite.tenancy.scope import deleted_rows_visible
from registrations.models import EventOption, RegistrationDesk
from registrations.selectors.options import options_of

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class EventVariance:
    """`pending_exposure` is what the pending requests would commit if all were approved at today's prices."""

    budget: EventBudget | None
    options: list[EventOption]
    pending_exposure: Decimal
    pending: int
    approved: int
    rejected: int
    cancelled: int
    collected: int

    @property
    def registered(self) -> int:
        """How many registrations are alive: they wait or are approved."""
        return self.pending + self.approved

    @property
    def short_by(self) -> Decimal:
        """What would be missing if all pending ones were approved; 0 when the budget has enough."""
        available = self.budget.available_amount if self.budget else ZERO
        return max(ZERO, self.pending_exposure - available)


def variance_of(event_id: UUID) -> EventVariance:
    """Read an event's report. Three statements.

    What became of registrations for options that were deleted since is counted too; such options are not listed.
    """
    budget: EventBudget | None = EventBudget.objects.filter(event_id=event_id).first()
    desk: RegistrationDesk = RegistrationDesk.objects.get(event_id=event_id)
    with deleted_rows_visible():
        once_offered = list(options_of(event_id))
    options = [option for option in once_offered if option.deleted_at is None]
    counted: list[EventOption | RegistrationDesk] = [*once_offered, desk]
    return EventVariance(
        budget=budget,
        options=options,
        pending_exposure=sum((option.pending_places * option.cost_per_unit for option in options), ZERO),
        pending=sum(row.pending_count for row in counted),
        approved=sum(row.approved_count for row in counted),
        rejected=sum(row.rejected_count for row in counted),
        cancelled=sum(row.cancelled_count for row in counted),
        collected=sum(row.collected_count for row in counted),
    )
