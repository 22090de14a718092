"""Who sees, as it happens, what happens to budgets, expenses and comments."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from budgets.models import EventBudget
from budgetsite.live.publishing import nudge_at_times_after_commit
from budgetsite.live.sight import Sight, register_sight
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import deleted_rows_visible
from events.sights import NOBODY, people_of

# What the client who pays sees of a budget: the plan in force, how far it is, and what is spent. Earlier plans, who has
# to approve, and who pays for it are the team's.
_FOR_CLIENTS = frozenset(
    {
        "budget.approved",
        "budget.activated",
        "budget.changed",
        "budget.finalized",
        "budget.transferred",
    }
)

# What company budgets had left, and which there are, is for those who see these.
_ABOUT_FUNDING = frozenset({"budget.funding_changed", "budget.funding_overridden"})


def events_of(budget_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return the event of each budget, deleted ones too. One statement."""
    with deleted_rows_visible():
        return dict(EventBudget.objects.filter(pk__in=set(budget_ids)).values_list("pk", "event_id"))


def sights_of_budgets(events: Sequence[OutboxEvent]) -> Mapping[UUID, Sight]:
    of_budget = events_of([event.subject_id for event in events])
    people = people_of(of_budget.values())
    found = {}
    for event in events:
        event_id = of_budget.get(event.subject_id)
        if event_id is not None:
            theirs = people.get(event_id, NOBODY)
            found[event.pk] = Sight(
                needs="budgets.view" if event.kind in _FOR_CLIENTS else "budgets.view_internals",
                topics=(
                    "budgets",
                    f"budget:{event.subject_id}",
                    f"event:{event_id}",
                    *(() if event.kind == "budget.changed" else ("approvals",)),
                ),
                organizers=theirs.organizers,
                clients=theirs.clients,
                details="scoped_budgets.view" if event.kind in _ABOUT_FUNDING else None,
            )
    return found


def sights_of_expenses(events: Sequence[OutboxEvent]) -> Mapping[UUID, Sight]:
    """Expenses, their bills, payments and receipts: told of by the budget that their events name."""
    return _by_named_budget(events, needs="expenses.view", topics=("expenses", "approvals"))


def sights_of_comments(events: Sequence[OutboxEvent]) -> Mapping[UUID, Sight]:
    return _by_named_budget(events, needs="comments.view", topics=("comments",))


def sights_of_scoped_budgets(events: Sequence[OutboxEvent]) -> Mapping[UUID, Sight]:
    return {
        event.pk: Sight(needs="scoped_budgets.view", topics=("company_budgets", f"scoped_budget:{event.subject_id}"))
        for event in events
    }


def let_company_pages_look_again() -> None:
    """Let open pages of company budgets read their figures anew, once the transaction is committed."""
    nudge_at_times_after_commit("company_budgets", needs="scoped_budgets.view")


def _by_named_budget(events: Sequence[OutboxEvent], *, needs: str, topics: Sequence[str]) -> Mapping[UUID, Sight]:
    named = {event.pk: UUID(event.payload["budget"]) for event in events}
    of_budget = events_of(list(named.values()))
    people = people_of(of_budget.values())
    found = {}
    for event in events:
        budget_id = named[event.pk]
        event_id = of_budget.get(budget_id)
        if event_id is not None:
            theirs = people.get(event_id, NOBODY)
            found[event.pk] = Sight(
                needs=needs,
                topics=(
                    *topics, f"{event.subject_type}:{event.subject_id}", f"budget:{budget_id}", f"event:{event_id}",
                ),
                organizers=theirs.organizers,
                clients=theirs.clients,
            )  # fmt: skip
    return found


def register() -> None:
    register_sight(["event_budget"], sights_of_budgets)
    register_sight(["expense"], sights_of_expenses)
    register_sight(["comment"], sights_of_comments)
    register_sight(["scoped_budget"], sights_of_scoped_budgets)
