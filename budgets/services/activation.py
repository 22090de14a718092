"""Budgets that become active by themselves, on the day of their event, as the calendar stands where the event is."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import transaction

from budgets.models import EventBudget
from budgets.services.problems import BudgetNotFound, InvalidTransition, StaleVersion
from budgets.services.workflow import NotItsDay, activate_on_its_day
from budgetsite.operations.piecework import Piecework

logger = logging.getLogger(__name__)

# Read at once, in the order in which everybody locks several budgets.
BATCH_SIZE = 500
_FIRST = UUID(int=0)


def activate_due(*, now: datetime) -> list[UUID]:
    """Activate the current account's approved budgets whose day has come, each in a transaction of its own; return
    which. One failing stops no other: `SomeFailed` is raised at the end.

    Whoever is faster, a person or the same job on another machine, has done it: each budget is activated once.
    """
    activated = []
    after = _FIRST
    with Piecework(logger, "budget %s could not be activated; the next run tries again") as work:
        while due := _due(after, now=now):
            for budget_id, version in due:
                with work.piece(budget_id):
                    if _activate(budget_id, version, now=now):
                        activated.append(budget_id)
            after = due[-1][0]
    return activated


@transaction.atomic
def _due(after: UUID, *, now: datetime) -> list[tuple[UUID, int]]:
    due = EventBudget.objects.due(now=now).filter(pk__gt=after).order_by("pk")
    return list(due.values_list("pk", "version")[:BATCH_SIZE])


@transaction.atomic
def _activate(budget_id: UUID, version: int, *, now: datetime) -> bool:
    try:
        activate_on_its_day(budget_id=budget_id, version=version, now=now)
    except (StaleVersion, InvalidTransition, BudgetNotFound, NotItsDay) as overtaken:
        logger.info("budget %s was not activated: %s", budget_id, overtaken)
        return False
    return True
