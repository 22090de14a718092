"""Starting a task right after the commit that gave it something to do: once, however many commits there were."""

import logging
from dataclasses import dataclass, field

import redis
from celery import Task
from django.conf import settings
from django.db import connection, transaction
from django.utils.module_loading import import_string
from kombu.exceptions import OperationalError

from budgetsite.valkey import Absence, valkey

logger = logging.getLogger(__name__)

# A message that was lost keeps others away for so long; beat starts the task anyway.
_ASKED_FOR_SECONDS = 5


@dataclass(slots=True)
class WakeUp:
    """Starts the task of that name soon. While one is asked for and has not begun, asking again does nothing.

    Nothing depends on it: where Valkey is away the task starts by its schedule. After a failure Valkey is left alone
    for a while, so that no request waits in vain.
    """

    task_name: str
    absence: Absence = field(default_factory=Absence, init=False)

    def after_commit(self) -> None:
        """Start the task once the present transaction is committed."""
        waiting = transaction.get_connection().run_on_commit
        if not any(callback == self.now for _, callback, _ in waiting):
            transaction.on_commit(self.now, robust=True)

    def now(self) -> None:
        if self.absence.lasts:
            return
        try:
            if valkey(settings.REDIS_URL).set(self._key(), 1, ex=_ASKED_FOR_SECONDS, nx=True):
                # By its name: a task's module may itself import whoever wakes it up.
                task: Task[[], object] = import_string(self.task_name)
                task.apply_async(retry=False)
        except (redis.RedisError, OperationalError) as error:
            self.absence.begin()
            logger.warning("%s is not started before its time: %s", self.task_name, type(error).__name__)

    def has_begun(self) -> None:
        """Let the task be asked for again: called by it before it looks what there is to do."""
        try:
            valkey(settings.REDIS_URL).delete(self._key())
        except redis.RedisError as error:
            logger.warning("%s could not be announced: %s", self.task_name, type(error).__name__)

    def _key(self) -> str:
        # Several databases may have one Valkey: those of tests do.
        return f"budgetsite-wakeup:{connection.settings_dict['NAME']}:{self.task_name}"
