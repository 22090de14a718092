"""The budgets that an API key can be given, and the names of those that it has."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from budgets.models import ScopedBudget

# More would be no list to choose from; the API takes any.
MOST_OFFERED = 200


@dataclass(frozen=True, slots=True)
class OfferedBudget:
    """A budget to choose, `level` steps below the one above it that is offered too."""

    budget_id: UUID
    name: str
    scope: str
    level: int


def offered_budgets(*, also: Iterable[UUID] = ()) -> list[OfferedBudget]:
    """Return budgets from the top down, each followed by what lies below it; `also` these, however deep they are."""
    top = ScopedBudget.objects.order_by("depth", "name", "id")[:MOST_OFFERED]
    found = {budget.pk: budget for budget in top}
    missing = [budget_id for budget_id in also if budget_id not in found]
    if missing:
        found |= {budget.pk: budget for budget in ScopedBudget.objects.filter(pk__in=missing)}
    children: dict[UUID | None, list[ScopedBudget]] = {}
    for budget in sorted(found.values(), key=lambda budget: (budget.name.casefold(), str(budget.pk))):
        above = next((budget_id for budget_id in reversed(budget.path) if budget_id in found), None)
        children.setdefault(above, []).append(budget)
    return list(_walk(children, None, 0))


def _walk(children: dict[UUID | None, list[ScopedBudget]], above: UUID | None, level: int) -> Iterator[OfferedBudget]:
    for budget in children.get(above, ()):
        yield OfferedBudget(budget.pk, budget.name, budget.get_scope_type_display(), level)
        yield from _walk(children, budget.pk, level + 1)


def names_of_budgets(budget_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the names of live budgets by their ids; one that is deleted has none."""
    return dict(ScopedBudget.objects.filter(pk__in=set(budget_ids)).values_list("pk", "name"))
