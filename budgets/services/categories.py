"""The account's categories: the seeds' two lists to begin with, then whatever the account makes of them."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import IntegrityError, connection, transaction
from django.db.models import F, Q
from django.db.models.functions import Lower

from budgets.models import ApprovalRule, BudgetLineItem, Category, PlanLine
from budgets.services.problems import CategoryExists, CategoryHasRules, CategoryInUse, UnknownCategory
from budgetsite.accounts.models import User
from budgetsite.tenancy.deletion import restore, soft_delete
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id

# What fits nowhere else.
LEFT_OVER = "Miscellaneous"

EVENT_CATEGORIES = (
    "Food & Beverage",
    "Labor",
    "Equipment Rental",
    "Venue",
    "Transportation",
    "Decor & Florals",
    "Entertainment",
    LEFT_OVER,
)

# Typical shares of a wedding's total, in percent. They add up to 130: people spend on most of these, not on all.
WEDDING_BENCHMARKS = {
    "Venue": 40,
    "Catering": 30,
    "Photography": 10,
    "Videography": 5,
    "Flowers": 8,
    "Music": 8,
    "Transport": 3,
    "Attire": 8,
    "Rings": 3,
    "Stationery": 2,
    "Decorations": 3,
    "Cake": 2,
    "Hair/Makeup": 3,
    "Gifts/Favors": 2,
    LEFT_OVER: 3,
}


def seed_categories() -> None:
    """Give the current tenant both lists; a name that stands on both is one category."""
    names = list(dict.fromkeys([*EVENT_CATEGORIES, *WEDDING_BENCHMARKS]))
    Category.objects.bulk_create(
        Category(
            name=name,
            for_events=name in EVENT_CATEGORIES,
            for_weddings=name in WEDDING_BENCHMARKS,
            benchmark_share=Decimal(WEDDING_BENCHMARKS[name]) if name in WEDDING_BENCHMARKS else None,
            sort_order=position * 10,
        )
        for position, name in enumerate(names, start=1)
    )


@dataclass(slots=True)
class CategoryFinder:
    """Finds the account's categories by name (case does not matter) or id, with one query for any number."""

    by_key: dict[str, Category]
    names: list[str]

    @classmethod
    def load(cls) -> "CategoryFinder":
        categories = list(Category.objects.order_by("sort_order", "name", "id"))
        by_key = {category.name.strip().lower(): category for category in categories}
        by_key.update({str(category.pk): category for category in categories})
        return cls(by_key=by_key, names=[category.name for category in categories])

    def find(self, name_or_id: str | UUID) -> Category:
        """Raises `UnknownCategory`, which lists the known ones."""
        found = self.by_key.get(str(name_or_id).strip().lower())
        if found is None:
            raise UnknownCategory(str(name_or_id), self.names)
        return found


def hold_categories(category_ids: set[UUID]) -> None:
    """Keep categories from being deleted until the lines that use them are stored. Raises `UnknownCategory`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM budgets_category WHERE tenant_id = %s AND id = ANY (%s) AND deleted_at IS NULL"
            " ORDER BY id FOR SHARE",
            [require_tenant_id(), list(category_ids)],
        )
        held = {row[0] for row in cursor.fetchall()}
    for category_id in category_ids - held:
        raise UnknownCategory(str(category_id), CategoryFinder.load().names)


@transaction.atomic
def create_category(*, name: str, acting_user: User, **fields: Any) -> Category:
    """Raises `CategoryExists`."""
    category = Category(name=name.strip(), **fields)
    return _save(category, force_insert=True)


@transaction.atomic
def update_category(*, category: Category, acting_user: User, **fields: Any) -> Category:
    """Raises `CategoryExists` when the new name is taken."""
    for name, value in fields.items():
        setattr(category, name, value)
    return _save(category)


@transaction.atomic
def delete_category(*, category: Category, acting_user: User, now: datetime) -> None:
    """Soft-delete a category that nothing uses, neither a line nor an approval rule.

    Lines that may return use it too: deleted ones, and those of a plan in force that a revision has changed. Raises
    `CategoryInUse`, `CategoryHasRules`.
    """
    list(Category.objects.filter(pk=category.pk).select_for_update(no_key=True))
    in_force = PlanLine.objects.filter(
        category=category,
        revision__budget__approved_total_amount__isnull=False,
        revision__number=F("revision__budget__revision") - 1,
    )
    with deleted_rows_visible():
        lines = BudgetLineItem.objects.filter(Q(category=category) | Q(pk__in=in_force.values("line_item_id"))).count()
    if lines:
        raise CategoryInUse(category.name, lines)
    rules = ApprovalRule.objects.filter(category=category).count()
    if rules:
        raise CategoryHasRules(category.name, rules)
    soft_delete(category, now=now)


@transaction.atomic
def restore_category(*, category: Category, acting_user: User) -> None:
    """Bring a deleted category back. Raises `CategoryExists` when another one has its name now."""
    try:
        with transaction.atomic():
            restore(category)
    except IntegrityError as error:
        if "budgets_category_one_per_name" in str(error):
            raise CategoryExists(category.name) from error
        raise


@transaction.atomic
def ensure_categories(*, names: list[str], acting_user: User | None) -> list[Category]:
    """Make the categories among `names` that are missing, after the others; return those made."""
    known = set(Category.objects.values_list(Lower("name"), flat=True))
    missing = {name.strip().lower(): name.strip() for name in names if name.strip().lower() not in known}
    start = len(known)
    made: list[Category] = Category.objects.bulk_create(
        Category(name=name, sort_order=(start + position) * 10) for position, name in enumerate(missing.values(), 1)
    )
    return made


def _save(category: Category, **options: Any) -> Category:
    category.clean_fields(exclude=["tenant"])
    try:
        with transaction.atomic():
            category.save(**options)
    except IntegrityError as error:
        if "budgets_category_one_per_name" in str(error):
            raise CategoryExists(category.name) from error
        raise
    return category
