"""What every tenant-owned row has, and the managers that keep to the tenant."""

from collections.abc import Sequence
from typing import Any, ClassVar, TypeVar
from uuid import uuid4

import pgtrigger
from django.db import models
from django.db.models.functions import Now

from budgetsite.tenancy.scope import current_scope, require_tenant_id

Row = TypeVar("Row", bound=models.Model, covariant=True)


class HardDelete(TypeError):
    """Rows are soft-deleted: `budgetsite.tenancy.deletion.soft_delete` takes what hangs on them along."""

    def __init__(self) -> None:
        super().__init__("Rows are never deleted for good; use soft_delete().")


class TenantQuerySet(models.QuerySet[Row]):
    def delete(self) -> tuple[int, dict[str, int]]:
        raise HardDelete


class TenantManager(models.Manager.from_queryset(TenantQuerySet)):  # type: ignore[misc]
    """Keeps to the current tenant, and raises `NoTenant` outside one.

    The policies would hide other tenants' rows anyway; saying it in the query as well lets the planner use the
    tenant's indexes.
    """

    # Also behind foreign keys and `refresh_from_db`: one way in.
    use_in_migrations = False

    def get_queryset(self) -> models.QuerySet[Any]:
        queryset: models.QuerySet[Any] = super().get_queryset()
        return queryset.filter(tenant_id=require_tenant_id())


class LiveManager(TenantManager):
    """Leaves out deleted rows, unless the scope shows them."""

    def get_queryset(self) -> models.QuerySet[Any]:
        queryset = super().get_queryset()
        return queryset if current_scope().deleted_visible else queryset.filter(deleted_at__isnull=True)


class TenantForeignKey(models.ForeignKey):  # type: ignore[type-arg]  # generic to the stubs alone
    """A foreign key between two tables of tenants.

    In PostgreSQL it is `(tenant_id, column) → (tenant_id, id)`, so that no row can point into another tenant; the
    migration operation `SecureTenantTable` makes it. Django itself makes no constraint and no index (an index here
    starts with the tenant and is declared where a query needs it).
    """

    def __init__(self, to: Any, on_delete: Any, **kwargs: Any) -> None:
        kwargs["db_constraint"] = False
        kwargs.setdefault("db_index", False)
        super().__init__(to, on_delete, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, path, args, kwargs = super().deconstruct()
        kwargs.pop("db_constraint", None)
        if kwargs.get("db_index") is False:
            kwargs.pop("db_index", None)
        return name, path, args, kwargs


class AccountKey(models.ForeignKey):  # type: ignore[type-arg]  # generic to the stubs alone
    """The tenant of a row: the scope's when it is made, and never another. Migrations see a plain foreign key."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs.setdefault("default", require_tenant_id)
        super().__init__(*args, **kwargs)

    def deconstruct(self) -> tuple[str, str, Sequence[Any], dict[str, Any]]:
        name, _path, args, kwargs = super().deconstruct()
        # Nothing could be filled in while migrating: there is no tenant then.
        kwargs.pop("default", None)
        return name, "django.db.models.ForeignKey", args, kwargs


class TenantRow(models.Model):
    """A row that belongs to one account for ever, and may be append-only."""

    id = models.UUIDField(primary_key=True, default=uuid4, editable=False)
    tenant = AccountKey(
        "accounts.Account",
        on_delete=models.PROTECT,
        editable=False,
        related_name="+",
        # The primary key starts with it.
        db_index=False,
    )
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    objects: ClassVar[TenantManager] = TenantManager()

    class Meta:
        abstract = True
        base_manager_name = "objects"
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Trigger(
                name="keep_tenant",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(old__tenant__df=pgtrigger.F("new__tenant")),
                func="RAISE EXCEPTION 'a row never moves to another tenant' USING ERRCODE = 'check_violation';",
            ),
        ]

    def delete(self, using: Any = None, keep_parents: bool = False) -> tuple[int, dict[str, int]]:
        raise HardDelete


class TenantModel(TenantRow):
    """A row that people change and delete: the usual case."""

    updated_at = models.DateTimeField(db_default=Now(), editable=False)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects: ClassVar[LiveManager] = LiveManager()

    class Meta(TenantRow.Meta):
        abstract = True
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            *TenantRow.Meta.triggers,
            pgtrigger.Trigger(
                name="keep_updated_at",
                operation=pgtrigger.Update,
                when=pgtrigger.Before,
                func="NEW.updated_at = now(); RETURN NEW;",
            ),
        ]

    @property
    def is_deleted(self) -> bool:
        return self.deleted_at is not None
