"""Migration operations that put a table under the tenants' rules (design §3)."""

from typing import Any

from django.conf import settings
from django.db import models
from django.db.migrations.operations.base import Operation

from budgetsite.tenancy.models import TenantForeignKey

_TENANT = "(SELECT nullif(current_setting('app.tenant_id', true), '')::uuid)"
_USER = "(SELECT nullif(current_setting('app.user_id', true), '')::uuid)"
_SHOW_DELETED = "(SELECT current_setting('app.show_deleted', true)) = 'on'"

# Every policy that a tenant's table may have.
POLICIES = frozenset({"tenant_read", "tenant_insert", "tenant_update", "no_delete", "all_tenants"})


def request_role() -> str:
    return str(settings.DATABASES["default"]["USER"])


def service_role() -> str:
    return str(settings.DATABASES["service"]["USER"])


class SecureTenantTable(Operation):
    """Give a table its composite keys, its row-level policies and its grants. Stands right after its `CreateModel`.

    - primary key `(tenant_id, id)`; each `TenantForeignKey` becomes `(tenant_id, column) → (tenant_id, id)`, deferred;
    - the request role reads and writes its own tenant's rows alone, sees deleted ones only when the scope says so, and
      deletes nothing; `append_only` leaves it INSERT and SELECT;
    - `own_rows_by` names a column by which a person sees their own rows before any tenant is chosen (memberships);
    - `replicated` sends whole old rows to logical replication.
    """

    reversible = True

    def __init__(
        self, name: str, *, append_only: bool = False, own_rows_by: str = "", replicated: bool = False
    ) -> None:
        self.name = name
        self.append_only = append_only
        self.own_rows_by = own_rows_by
        self.replicated = replicated

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        kwargs: dict[str, Any] = {}
        if self.append_only:
            kwargs["append_only"] = True
        if self.own_rows_by:
            kwargs["own_rows_by"] = self.own_rows_by
        if self.replicated:
            kwargs["replicated"] = True
        return self.__class__.__name__, [self.name], kwargs

    def describe(self) -> str:
        return f"Put {self.name} under the tenants' rules"

    @property
    def migration_name_fragment(self) -> str:
        return f"secure_{self.name.lower()}"

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing changes in Django's eyes."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.name)
        for statement in self._forwards(model):
            schema_editor.execute(statement, params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.name)
        for statement in self._backwards(model):
            schema_editor.execute(statement, params=None)

    def _forwards(self, model: type[models.Model]) -> list[str]:
        table = f'"{model._meta.db_table}"'
        key = model._meta.pk.column
        statements = [
            f'ALTER TABLE {table} DROP CONSTRAINT "{model._meta.db_table}_pkey"',
            f'ALTER TABLE {table} ADD CONSTRAINT "{model._meta.db_table}_pkey" PRIMARY KEY (tenant_id, "{key}")',
        ]
        statements += [foreign_key_sql(model, field) for field in _tenant_foreign_keys(model)]
        statements += self._policies(model, table)
        if self.replicated:
            statements.append(f"ALTER TABLE {table} REPLICA IDENTITY FULL")
        return statements

    def _policies(self, model: type[models.Model], table: str) -> list[str]:
        role = f'"{request_role()}"'
        own = f"tenant_id = {_TENANT}"
        # History tells of deletions too.
        hides_deleted = _has(model, "deleted_at") and not _has(model, "history_id")
        live = f" AND (deleted_at IS NULL OR {_SHOW_DELETED})" if hides_deleted else ""
        mine = f' OR "{self.own_rows_by}" = {_USER}' if self.own_rows_by else ""
        statements = [
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY tenant_read ON {table} FOR SELECT TO {role} USING (({own}{mine}){live})",
            f"CREATE POLICY tenant_insert ON {table} FOR INSERT TO {role} WITH CHECK ({own})",
            f'CREATE POLICY all_tenants ON {table} FOR ALL TO CURRENT_USER, "{service_role()}"'
            " USING (true) WITH CHECK (true)",
        ]
        if self.append_only:
            return [*statements, f"REVOKE UPDATE, DELETE, TRUNCATE ON {table} FROM {role}"]
        return [
            *statements,
            f"CREATE POLICY tenant_update ON {table} FOR UPDATE TO {role} USING ({own}{live}) WITH CHECK ({own})",
            f"CREATE POLICY no_delete ON {table} FOR DELETE TO {role} USING (false)",
        ]

    def _backwards(self, model: type[models.Model]) -> list[str]:
        name = model._meta.db_table
        table = f'"{name}"'
        role = f'"{request_role()}"'
        statements = [f"DROP POLICY IF EXISTS {policy} ON {table}" for policy in sorted(POLICIES)]
        statements += [
            f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY",
            f"ALTER TABLE {table} DISABLE ROW LEVEL SECURITY",
            f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}",
        ]
        statements += [
            f'ALTER TABLE {table} DROP CONSTRAINT "{foreign_key_name(model, field)}"'
            for field in _tenant_foreign_keys(model)
        ]
        key = model._meta.pk.column
        statements += [
            f'ALTER TABLE {table} DROP CONSTRAINT "{name}_pkey"',
            f'ALTER TABLE {table} ADD CONSTRAINT "{name}_pkey" PRIMARY KEY ("{key}")',
        ]
        return statements


class AddTenantForeignKey(Operation):
    """Make the composite constraint of a `TenantForeignKey` that a later migration added to a secured table."""

    reversible = True

    def __init__(self, model_name: str, field_name: str) -> None:
        self.model_name = model_name
        self.field_name = field_name

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return self.__class__.__name__, [self.model_name, self.field_name], {}

    def describe(self) -> str:
        return f"Keep {self.model_name}.{self.field_name} inside the tenant"

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Nothing changes in Django's eyes."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        schema_editor.execute(foreign_key_sql(model, model._meta.get_field(self.field_name)), params=None)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = from_state.apps.get_model(app_label, self.model_name)
        name = foreign_key_name(model, model._meta.get_field(self.field_name))
        schema_editor.execute(f'ALTER TABLE "{model._meta.db_table}" DROP CONSTRAINT "{name}"', params=None)


def foreign_key_name(model: type[models.Model], field: Any) -> str:
    return f"{model._meta.db_table}_{field.column}_same_tenant"


def foreign_key_sql(model: type[models.Model], field: Any) -> str:
    target = field.remote_field.model._meta.db_table
    cascade = " ON DELETE CASCADE" if field.remote_field.on_delete is models.CASCADE else ""
    return (
        f'ALTER TABLE "{model._meta.db_table}" ADD CONSTRAINT "{foreign_key_name(model, field)}"'
        f' FOREIGN KEY (tenant_id, "{field.column}") REFERENCES "{target}" (tenant_id, id){cascade}'
        " DEFERRABLE INITIALLY DEFERRED"
    )


def _tenant_foreign_keys(model: type[models.Model]) -> list[TenantForeignKey]:
    """Return the keys to constrain. History refers to what once was, so its rows are bound to nothing."""
    if _has(model, "history_id"):
        return []
    return [field for field in model._meta.local_fields if isinstance(field, TenantForeignKey)]


def _has(model: type[models.Model], field_name: str) -> bool:
    return any(field.name == field_name for field in model._meta.local_fields)
