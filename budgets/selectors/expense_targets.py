"""What an expense of a budget may be charged to: its lines of cost, and the account's categories."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from budgets.models import BudgetLineItem, Category, LineKind, Vendor
from budgets.services.quick_target import Target

# So many names are offered while typing; any other can be typed.
VENDORS_OFFERED = 200


@dataclass(frozen=True, slots=True)
class Targets:
    """`lines` of cost and `categories`, each in their order; `planned` are the ids of categories with a line."""

    lines: list[BudgetLineItem]
    categories: list[Category]

    @property
    def planned(self) -> set[UUID]:
        return {line.category_id for line in self.lines}

    @property
    def all(self) -> list[Target]:
        lines = [Target(line_key(line), line.name, line.category.name) for line in self.lines]
        return [*lines, *(Target(f"category:{category.pk}", category.name) for category in self.categories)]

    def fields_of(self, key: str) -> dict[str, Any]:
        """Return what the services are given for one of these: a line's id, or a category's."""
        kind, _, pk = key.partition(":")
        return {"line_item_id": UUID(pk)} if kind == "line" else {"category": UUID(pk)}


def line_key(line: BudgetLineItem) -> str:
    return f"line:{line.pk}"


def targets_of(budget_id: UUID) -> Targets:
    """Two statements."""
    lines = BudgetLineItem.objects.filter(budget_id=budget_id, kind=LineKind.COST, deleted_at=None)
    return Targets(
        lines=list(
            lines.select_related("category").order_by(
                "category__sort_order", "category__name", "category_id", "sort_order", "id"
            )
        ),
        categories=list(Category.objects.order_by("sort_order", "name", "id")),
    )


def vendor_names() -> list[str]:
    """Return the names to offer, by name."""
    return list(Vendor.objects.order_by("name", "id").values_list("name", flat=True)[:VENDORS_OFFERED])


def vendors_like(name: str) -> Sequence[str]:
    """Return the first vendors whose names begin so, whatever the case."""
    found = Vendor.objects.filter(name__istartswith=name).order_by("name", "id")
    return list(found.values_list("name", flat=True)[:5])
