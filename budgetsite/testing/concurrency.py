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

    def inside(piece: Callable[[], Any], barrier: threading.Barrier) -> Any:
        with tenant_scope(tenant_id, user_id=user_id), transaction.atomic():
            # Connected before the start, so that all begin together.
            connections["default"].ensure_connection()
            barrier.wait()
            return piece()

    return _run(work, inside)


def run_side_by_side(work: Sequence[Callable[[], Any]]) -> list[Any]:
    """Run each piece of work in a thread of its own, outside any transaction and tenant, as workers do.

    Returns what each returned, or the exception that it raised. All threads wait for each other before they begin.
    """

    def outside(piece: Callable[[], Any], barrier: threading.Barrier) -> Any:
        for alias in ("default", "service"):
            connections[alias].ensure_connection()
        barrier.wait()
        return piece()

    return _run(work, outside)


def _run(work: Sequence[Callable[[], Any]], where: Callable[[Callable[[], Any], threading.Barrier], Any]) -> list[Any]:
    barrier = threading.Barrier(len(work), timeout=30)

    def run(piece: Callable[[], Any]) -> Any:
        try:
            return where(piece, barrier)
        except Exception as problem:
            return problem
        finally:
            connections.close_all()

    with ThreadPoolExecutor(max_workers=len(work)) as pool:
        return list(pool.map(run, work))
