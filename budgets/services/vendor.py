"""Vendors: who is paid."""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction

from budgets.models import Expense, ExpenseInvoice, Vendor
from budgets.services.expense_problems import VendorExists, VendorInUse, VendorNotFound
from budgets.services.texts import one_line
from budgetsite.accounts.models import User
from budgetsite.tenancy.deletion import restore, soft_delete
from budgetsite.tenancy.history import record_history
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id


def find_or_make_vendor(name_or_id: str | UUID | None) -> Vendor | None:
    """Return the vendor of this id or name (case does not matter); a name that is new makes one. None for nothing.

    Two who name the same new vendor at once get one. Raises `VendorNotFound` for an unknown id.
    """
    if isinstance(name_or_id, UUID):
        found = _first("id = %(wanted)s", name_or_id)
        if found is None:
            raise VendorNotFound
        return found
    name = one_line(name_or_id or "").strip()
    if not name:
        return None
    known = _held(name)
    if known is not None:
        return known
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO budgets_vendor (id, tenant_id, name, contact_name, email, phone, website, address, tax_number,
                bank_details, notes)
            VALUES (gen_random_uuid(), %(tenant)s, %(name)s, '', '', '', '', '', '', '', '')
            ON CONFLICT (tenant_id, lower(name)) WHERE deleted_at IS NULL DO NOTHING RETURNING id
            """,
            {"tenant": require_tenant_id(), "name": name},
        )
        made = cursor.fetchone()
    vendor = _held(name)
    assert vendor is not None
    if made is not None:
        record_history(Vendor.objects.filter(pk=vendor.pk), reason="named in an expense")
    return vendor


@transaction.atomic
def create_vendor(*, acting_user: User, **fields: Any) -> Vendor:
    """Raises `VendorExists`, `ValidationError` by field."""
    return _save(Vendor(), fields)


@transaction.atomic
def update_vendor(*, vendor: Vendor, acting_user: User, **fields: Any) -> Vendor:
    """Raises `VendorExists`, `ValidationError` by field."""
    return _save(vendor, fields)


@transaction.atomic
def delete_vendor(*, vendor: Vendor, acting_user: User, now: datetime) -> None:
    """Soft-delete a vendor that no expense names, not even a deleted one. Raises `VendorInUse`."""
    list(Vendor.objects.filter(pk=vendor.pk).select_for_update(no_key=True))
    with deleted_rows_visible():
        used = Expense.objects.filter(vendor=vendor).exists() or ExpenseInvoice.objects.filter(vendor=vendor).exists()
    if used:
        raise VendorInUse(vendor.name)
    soft_delete(vendor, now=now)


@transaction.atomic
def restore_vendor(*, vendor: Vendor, acting_user: User) -> None:
    """Raises `VendorExists` when another one has its name by now."""
    try:
        with transaction.atomic():
            restore(vendor)
    except IntegrityError as error:
        raise _translated(error, vendor) from error


def _held(name: str) -> Vendor | None:
    """By the unique index: lower case is what PostgreSQL makes of it, on both sides."""
    return _first("lower(name) = lower(%(wanted)s)", name)


def _first(condition: str, wanted: str | UUID) -> Vendor | None:
    """Return a live vendor and keep it from being deleted until what names it is stored."""
    rows = Vendor.objects.raw(
        f"SELECT * FROM budgets_vendor WHERE tenant_id = %(tenant)s AND {condition} AND deleted_at IS NULL FOR SHARE",
        {"tenant": require_tenant_id(), "wanted": wanted},
    )
    return next(iter(rows), None)


def _save(vendor: Vendor, fields: dict[str, Any]) -> Vendor:
    for name, value in fields.items():
        setattr(vendor, name, value)
    vendor.name = one_line(vendor.name).strip()
    vendor.clean_fields(exclude=["tenant"])
    try:
        with transaction.atomic():
            vendor.save()
    except IntegrityError as error:
        raise _translated(error, vendor) from error
    return vendor


def _translated(error: IntegrityError, vendor: Vendor) -> Exception:
    return VendorExists(vendor.name) if "budgets_vendor_one_per_name" in str(error) else error
