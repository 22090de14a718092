"""The base of all Celery tasks: each runs in one transaction, inside the tenant that its message names."""

from contextlib import nullcontext
from typing import Any
from uuid import UUID

from celery import Task
from django.db import transaction

from budgetsite.tenancy.scope import NOBODY, Scope, scope


class TenantTask(Task):  # type: ignore[type-arg]  # Celery itself does not know its Task as generic
    """A task called with `tenant_id=…` (and `user_id=…`) runs in that scope; one without runs outside any tenant.

    Both are taken from the keyword arguments and are not handed on to the function.
    """

    abstract = True
    in_transaction = True
    # The scope's arguments are taken here and are none of the function's.
    typing = False

    def __call__(self, *args: Any, tenant_id: str | None = None, user_id: str | None = None, **kwargs: Any) -> Any:
        inside = NOBODY
        if tenant_id is not None:
            inside = Scope(tenant_id=UUID(tenant_id), user_id=UUID(user_id) if user_id else None)
        with scope(inside), transaction.atomic() if self.in_transaction else nullcontext():
            return super().__call__(*args, **kwargs)


class SteppedTask(TenantTask):
    """A task that begins and commits its own transactions: one that works in many steps, or waits for the outside."""

    abstract = True
    in_transaction = False
