"""Budgets that become active by themselves, on the day of their event, as the calendar stands where the event is."""

import logging
from datetime import datetime
from uuid import UUID

from django.db import InterfaceError, transaction

from budgets.models import EventBudget
from budgets.services.problems import BudgetNotFound, InvalidTransition, StaleVersion
from budgets.services.workflow import NotItsDay, activate_on_its_day

logger = logging.getLogger(__name__)

# A run takes so many at most: the next one, minutes later, goes on.
AT_ONCE = 500


def activate_due(*, now: datetime) -> list[UUID]:
    """Activate the current account's approved budgets whose day has come; return which. One failing stops no other.

    Whoever is faster, a person or the same job on another machine, has done it: each budget is activated once.
    """
    # By id, as everybody who locks several budgets goes.
    due = EventBudget.objects.due(now=now).order_by("id").values_list("pk", "version")[:AT_ONCE]
    return [budget_id for budget_id, version in list(due) if _activate(budget_id, version, now=now)]


def _activate(budget_id: UUID, version: int, *, now: datetime) -> bool:
    try:
        # A savepoint of its own: what fails takes nothing else back.
        with transaction.atomic():
            activate_on_its_day(budget_id=budget_id, version=version, now=now)
    except (StaleVersion, InvalidTransition, BudgetNotFound, NotItsDay) as overtaken:
        logger.info("budget %s was not activated: %s", budget_id, overtaken)
        return False
    except InterfaceError:
        # The connection is gone, and with it all of this run.
        raise
    except Exception:
        logger.exception("budget %s could not be activated; the next run tries again", budget_id)
        return False
    return True
