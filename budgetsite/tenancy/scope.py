"""The scope that everything runs in: which tenant, which user, and whether deleted rows are in sight.

It lives in a context variable; the database backend hands it to PostgreSQL at the start of each transaction, where the
row-level policies read it. Nothing else sets it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar, Token
from dataclasses import dataclass, replace
from uuid import UUID


class NoTenant(RuntimeError):
    """Tenant data was asked for outside any tenant's scope."""

    def __init__(self) -> None:
        super().__init__("No account is chosen: wrap the work in tenant_scope(account_id).")


@dataclass(frozen=True, slots=True)
class Scope:
    tenant_id: UUID | None = None
    user_id: UUID | None = None
    deleted_visible: bool = False


NOBODY = Scope()

_scope: ContextVar[Scope] = ContextVar("tenant_scope", default=NOBODY)


def current_scope() -> Scope:
    return _scope.get()


def require_tenant_id() -> UUID:
    """Return the current tenant's id. Raises `NoTenant` outside any tenant's scope."""
    tenant_id = _scope.get().tenant_id
    if tenant_id is None:
        raise NoTenant
    return tenant_id


def enter_scope(scope: Scope) -> Token[Scope]:
    """Switch the scope until `leave_scope` is given the token back. Prefer `tenant_scope` where a block will do."""
    return _scope.set(scope)


def leave_scope(token: Token[Scope]) -> None:
    _scope.reset(token)


@contextmanager
def scope(new: Scope) -> Iterator[None]:
    token = _scope.set(new)
    try:
        yield
    finally:
        _scope.reset(token)


@contextmanager
def tenant_scope(tenant_id: UUID, *, user_id: UUID | None = None) -> Iterator[None]:
    """Work inside one tenant, on behalf of `user_id` (who then stands in the history of what is changed)."""
    with scope(Scope(tenant_id=tenant_id, user_id=user_id)):
        yield


@contextmanager
def user_scope(user_id: UUID) -> Iterator[None]:
    """Work outside any tenant as one person, who may look up nothing but their own memberships."""
    with scope(Scope(user_id=user_id)):
        yield


@contextmanager
def deleted_rows_visible() -> Iterator[None]:
    """Let the policies show soft-deleted rows: for deleting, restoring, and looking at what was deleted."""
    with scope(replace(_scope.get(), deleted_visible=True)):
        yield
