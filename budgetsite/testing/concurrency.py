"""Real threads on real connections, started at once."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

from django.db import connections, transaction

from budgetsite.tenancy.scope import tenant_scope


def run_at_once(work: Sequence[Callable[[], Any]], *, tenant_id: UUID, user_id: UUID | None = None) -> list[Any]:
    """Run each piece of work in a thread, a transaction and the tenant's scope of its own.

    Returns what each returned, or the exception that it raised. All threads wait for each other before they begin.
    """
    barrier = threading.Barrier(len(work), timeout=30)

    def run(piece: Callable[[], Any]) -> Any:
        try:
            with tenant_scope(tenant_id, user_id=user_id), transaction.atomic():
                # Connected before the start, so that all begin together.
                connections["default"].ensure_connection()
                barrier.wait()
                return piece()
        except Exception as problem:
            return problem
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=len(work)) as pool:
        return list(pool.map(run, work))
