"""Many pieces of work in one task: one that fails stops no other, and is not hidden by that either."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self
from uuid import UUID

from django.db import connections

from budgetsite.operations.log_lines import type_of
from budgetsite.tenancy.scope import current_scope


class SomeFailed(RuntimeError):
    """Some pieces of a task's work failed; all the others are done.

    `first_by_account` has the type of each account's first failure, None being what belongs to none.
    """

    # Celery hands on only what can be pickled, which these arguments always can.
    def __init__(self, first_by_account: dict[UUID | None, str], failed: int) -> None:
        super().__init__(first_by_account, failed)
        self.first_by_account = first_by_account
        self.failed = failed

    def __str__(self) -> str:
        return f"{self.failed} failed: {', '.join(sorted(set(self.first_by_account.values())))}"


class Piecework:
    """Does pieces of work one after the other, each in a transaction of its own.

    ```
    with Piecework(logger, "budget %s could not be activated") as work:
        for budget_id in due:
            with work.piece(budget_id):
                activate(budget_id)
    ```

    What a piece raises is logged at once. Raises `SomeFailed` at the end, so that the task counts as failed.
    """

    def __init__(self, logger: logging.Logger, text: str) -> None:
        self.failed: set[object] = set()
        self._logger = logger
        self._text = text
        self._first_by_account: dict[UUID | None, str] = {}

    @contextmanager
    def piece(self, name: object, *, tenant_id: UUID | None = None) -> Iterator[None]:
        """Do one piece. It is the account's that is named, or that of the scope."""
        try:
            yield
        except Exception as error:
            self._logger.exception(self._text, name)
            self.failed.add(name)
            self._first_by_account.setdefault(tenant_id or current_scope().tenant_id, type_of(error))
            # The next piece connects anew where that was what failed.
            for connection in connections.all(initialized_only=True):
                if not connection.in_atomic_block:
                    connection.close_if_unusable_or_obsolete()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if error is None and self.failed:
            raise SomeFailed(self._first_by_account, len(self.failed))
