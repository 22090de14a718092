"""Reading vendors for their list and their pages."""

from typing import Any
from uuid import UUID

from django.db.models import Count, F, Q, QuerySet, Sum

from budgets.models import Expense, ExpenseApproval, ExpenseStage, Vendor
from budgetsite.accounts.roles import Role

VENDORS_PER_PAGE = 50


def vendors_by_name(*, search: str = "", after: tuple[str, UUID] | None = None) -> QuerySet[Vendor]:
    """Return vendors by name, those after a name and an id where these are given."""
    vendors: QuerySet[Vendor] = Vendor.objects.order_by("name", "id")
    if search:
        vendors = vendors.filter(
            Q(name__icontains=search) | Q(contact_name__icontains=search) | Q(email__icontains=search)
        )
    if after is not None:
        name, key = after
        vendors = vendors.filter(Q(name__gt=name) | Q(name=name, pk__gt=key))
    return vendors


def spend_by_event(vendor_id: UUID, *, user_id: UUID, role: Role) -> list[dict[str, Any]]:
    """Return, for each event and currency, what was billed by a vendor, what is paid and open. One statement."""
    rows = (
        Expense.objects.visible_to(user_id=user_id, role=role)
        .filter(vendor_id=vendor_id, event__deleted_at=None)
        .exclude(stage=ExpenseStage.CANCELLED)
        .exclude(approval=ExpenseApproval.REJECTED)
        .order_by()
        .values("event_id", "event__name", "event__event_date", "budget_id", "currency")
        .annotate(
            number=Count("pk"),
            promised=Sum(F("amount") - F("invoiced_amount"), filter=Q(stage=ExpenseStage.COMMITTED), default=0),
            billed=Sum("invoiced_amount"),
            settled=Sum("paid_amount"),
        )
        .order_by("-event__event_date", "event_id", "currency")
    )
    return [row | {"open": row["billed"] - row["settled"]} for row in rows]
