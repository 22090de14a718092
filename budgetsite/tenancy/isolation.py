"""Proof, from PostgreSQL's own catalogue, that tenants are kept apart."""

from collections.abc import Iterator

from django.apps import apps
from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper

from budgetsite.tenancy.models import TenantForeignKey, TenantRow
from budgetsite.tenancy.operations import POLICIES, foreign_key_name


def tenant_models() -> Iterator[type[models.Model]]:
    """Yield every model whose rows belong to a tenant, history tables included."""
    for model in apps.get_models(include_auto_created=True):
        if issubclass(model, TenantRow) or _is_history_of_tenant(model):
            yield model


def isolation_problems(connection: BaseDatabaseWrapper) -> list[str]:
    """Return what would let one tenant reach another's rows through `connection`; empty when nothing does."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT rolsuper, rolbypassrls, current_user::text,
                   EXISTS (SELECT FROM pg_class c WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
                                                  AND pg_has_role(current_user, c.relowner, 'MEMBER'))
            FROM pg_roles WHERE rolname = current_user
            """
        )
        superuser, bypasses, role, owns = cursor.fetchone()
        cursor.execute(
            """
            SELECT c.relname, c.relrowsecurity AND c.relforcerowsecurity,
                   EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'tenant_read'),
                   ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(attnum, n)
                         JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.attnum ORDER BY u.n),
                   ARRAY(SELECT f.conname::text FROM pg_constraint f WHERE f.conrelid = c.oid AND f.contype = 'f'),
                   ARRAY(SELECT p.polname::text FROM pg_policy p WHERE p.polrelid = c.oid ORDER BY p.polname),
                   ARRAY(SELECT t.tgname::text FROM pg_trigger t
                         WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'O' ORDER BY t.tgname),
                   has_table_privilege(c.oid, 'UPDATE') OR has_table_privilege(c.oid, 'DELETE')
            FROM pg_class c LEFT JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'p'
            WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
            """
        )
        tables = {row[0]: row[1:] for row in cursor.fetchall()}

    problems = []
    if superuser or bypasses:
        problems.append(f"The request role {role} bypasses row-level security: take SUPERUSER and BYPASSRLS from it.")
    if owns and not superuser:
        problems.append(f"The request role {role} is a member of a role that owns tables: revoke that membership.")
    for model in tenant_models():
        found = tables.get(model._meta.db_table)
        if found is None:
            problems.append(f"The table {model._meta.db_table} is missing: run manage.py migrate.")
            continue
        problems += _table_problems(model, *found)
    return problems


def _table_problems(
    model: type[models.Model],
    forced: bool,
    has_policy: bool,
    key: list[str],
    foreign_keys: list[str],
    policies: list[str],
    switched_off: list[str],
    changeable: bool,
) -> Iterator[str]:
    table = model._meta.db_table
    if not forced or not has_policy:
        yield f"{table} has no forced row-level security: its migration lacks SecureTenantTable({model.__name__!r})."
    if key[:1] != ["tenant_id"]:
        yield f"The primary key of {table} does not begin with tenant_id."
    for policy in set(policies) - POLICIES:
        yield f"{table} has a policy {policy} that no migration made: drop it."
    for trigger in switched_off:
        yield f"The trigger {trigger} of {table} is switched off: ALTER TABLE {table} ENABLE TRIGGER {trigger}."
    if changeable and "tenant_update" not in policies:
        yield f"The request role may change rows of {table}, which is append-only: revoke UPDATE and DELETE."
    if not issubclass(model, TenantRow):
        return
    for field in model._meta.local_fields:
        if isinstance(field, TenantForeignKey) and foreign_key_name(model, field) not in foreign_keys:
            yield f"{table}.{field.column} can point into another tenant: its composite foreign key is missing."


def _is_history_of_tenant(model: type[models.Model]) -> bool:
    original = getattr(model, "instance_type", None)
    return original is not None and issubclass(original, TenantRow)
