"""Asking for an evaluation of budgets after the commit: one task for a burst of changes, however many.

Nothing depends on it: where Valkey is away, or a message is lost, the jobs that look at all of them follow some
minutes later. After a failure Valkey is left alone for a while, so that no posting waits in vain.
"""

import logging
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

import redis
from celery import Task, current_app
from django.conf import settings
from django.db import connection, transaction
from kombu.exceptions import OperationalError

from budgetsite.tenancy.scope import require_tenant_id
from budgetsite.valkey import Absence, valkey

logger = logging.getLogger(__name__)

SCOPED_BUDGETS = "alerts.tasks.evaluate_scoped_budgets"
OUTLOOK = "alerts.tasks.evaluate_outlook_of_budgets"
# A burst is evaluated so long after its first posting: what comes meanwhile is covered by the same task.
DELAY_SECONDS = 0.5
# A message that was lost keeps others away for so long.
ASKED_FOR_SECONDS = 5

absence = Absence()


def evaluate_after_commit(budget_ids: Collection[UUID], *, task_name: str = SCOPED_BUDGETS) -> None:
    """Let a worker evaluate these budgets soon after the present transaction is committed. No statement."""
    request = _Request(task_name, require_tenant_id(), frozenset(budget_ids))
    waiting = transaction.get_connection().run_on_commit
    if not any(getattr(callback, "__self__", None) == request for _, callback, _ in waiting):
        transaction.on_commit(request.ask, robust=True)


def has_begun(budget_ids: Collection[UUID]) -> None:
    """Let an evaluation be asked for again: called by the task before it looks at any figure."""
    if not budget_ids:
        return
    try:
        valkey(settings.REDIS_URL).delete(*map(_key, budget_ids))
    except redis.RedisError as error:
        logger.warning("The evaluation of budgets could not be announced: %s", type(error).__name__)


@dataclass(frozen=True, slots=True)
class _Request:
    task_name: str
    tenant_id: UUID
    budget_ids: frozenset[UUID]

    def ask(self) -> None:
        if absence.lasts:
            return
        try:
            asked = self._not_asked_for_yet()
            if asked:
                task: Task[..., object] = current_app.tasks[self.task_name]
                kwargs = {"tenant_id": str(self.tenant_id), "budget_ids": [str(pk) for pk in asked]}
                task.apply_async(kwargs=kwargs, countdown=DELAY_SECONDS, retry=False)
        except (redis.RedisError, OperationalError) as error:
            absence.begin()
            logger.warning("Alerts of budgets wait for their job: %s", type(error).__name__)

    def _not_asked_for_yet(self) -> list[UUID]:
        """Take note of what is asked for, and return what nobody has asked for before. One round trip."""
        budget_ids = sorted(self.budget_ids)
        with valkey(settings.REDIS_URL).pipeline(transaction=False) as pipe:
            for budget_id in budget_ids:
                pipe.set(_key(budget_id), 1, ex=ASKED_FOR_SECONDS, nx=True)
            return [budget_id for budget_id, is_new in zip(budget_ids, pipe.execute(), strict=True) if is_new]


def _key(budget_id: UUID) -> str:
    # Several databases may have one Valkey: those of tests do.
    return f"budgetsite-evaluate:{connection.settings_dict['NAME']}:{budget_id}"
