"""Django's PostgreSQL backend, which tells PostgreSQL the scope before a transaction's first statement.

`set_config(…, true)` lasts until the transaction ends, so a pooled connection cannot carry one tenant's scope to the
next request, through PgBouncer neither. The settings are given in every transaction, empty ones too. A rollback takes
them back together with everything else, which is why each kind of rollback forgets what had been told.
"""

from collections.abc import Callable
from typing import Any

from django.db.backends.postgresql import base

from budgetsite.tenancy.scope import Scope, current_scope

_TELL_SCOPE = """
    SELECT set_config('app.tenant_id', %s, true),
           set_config('app.user_id', %s, true),
           set_config('app.show_deleted', %s, true)
"""


class DatabaseWrapper(base.DatabaseWrapper):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._told: Scope | None = None
        self._telling = False
        self.execute_wrappers.append(self._tell_scope_first)

    def _tell_scope_first(
        self, execute: Callable[..., Any], sql: Any, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        if self.in_atomic_block and not self._telling:
            scope = current_scope()
            if scope != self._told:
                self._tell(scope)
        return execute(sql, params, many, context)

    def _tell(self, scope: Scope) -> None:
        self._telling = True
        try:
            with self.cursor() as cursor:
                cursor.execute(
                    _TELL_SCOPE,
                    [
                        str(scope.tenant_id or ""),
                        str(scope.user_id or ""),
                        "on" if scope.deleted_visible else "",
                    ],
                )
        finally:
            self._telling = False
        self._told = scope

    def _set_autocommit(self, autocommit: bool) -> None:
        self._told = None
        super()._set_autocommit(autocommit)  # type: ignore[misc]  # unknown to the stubs

    def _commit(self) -> Any:
        self._told = None
        return super()._commit()  # type: ignore[misc]  # unknown to the stubs

    def _rollback(self) -> Any:
        self._told = None
        return super()._rollback()  # type: ignore[misc]  # unknown to the stubs

    def _savepoint_rollback(self, sid: str) -> None:
        # The transaction is perhaps aborted, and takes no other statement before this one.
        self._telling = True
        try:
            super()._savepoint_rollback(sid)  # type: ignore[misc]  # unknown to the stubs
        finally:
            self._telling = False
        self._told = None

    def create_cursor(self, name: str | None = None) -> Any:
        # What goes past `execute` (COPY, streams) finds the scope told as well.
        if self.in_atomic_block and not self._telling and current_scope() != self._told and not self.needs_rollback:
            self._tell(current_scope())
        return super().create_cursor(name)

    def connect(self) -> None:
        self._told = None
        super().connect()
