"""Who sees alerts as they open, get worse and are dealt with: who sees the budget that they are about."""

from collections.abc import Mapping, Sequence
from uuid import UUID

from budgets.sights import events_of
from budgetsite.live.sight import Sight, register_sight
from budgetsite.outbox.models import OutboxEvent
from events.sights import NOBODY, PeopleOfEvent, people_of


def sights_of_alerts(events: Sequence[OutboxEvent]) -> Mapping[UUID, Sight]:
    named = {event.pk: UUID(event.payload["budget_id"]) for event in events if event.payload["budget_id"]}
    of_budget = events_of(list(named.values()))
    people = people_of(of_budget.values())
    return {event.pk: _sight(event, named.get(event.pk), of_budget, people) for event in events}


def _sight(
    event: OutboxEvent,
    budget_id: UUID | None,
    of_budget: Mapping[UUID, UUID],
    people: Mapping[UUID, PeopleOfEvent],
) -> Sight:
    topics = ["alerts", f"alert:{event.subject_id}"]
    if budget_id is None:
        return Sight(
            needs="scoped_budgets.view",
            topics=(*topics, "company_budgets", f"scoped_budget:{event.payload['scoped_budget_id']}"),
        )
    event_id = of_budget.get(budget_id)
    return Sight(
        needs="alerts.view",
        topics=(*topics, "budgets", f"budget:{budget_id}", f"event:{event_id}"),
        organizers=people.get(event_id, NOBODY).organizers if event_id else frozenset(),
    )


def register() -> None:
    register_sight(["alert"], sights_of_alerts)
