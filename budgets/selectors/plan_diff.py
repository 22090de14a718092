"""Two plans of one budget compared line by line, in the same number of statements whatever their length."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from budgets.models import BudgetTransfer, EventBudget, LineKind
from budgets.selectors.revisions import (
    KEPT_LINES,
    WORKING_LINES,
    RevisionEntry,
    revision_entry,
    rows_with_deleted_categories,
    transfers_between,
)
from budgets.services.problems import BudgetProblem
from budgets.services.revision import TRANSFERRED
from budgetsite.tenancy.scope import require_tenant_id

ZERO = Decimal(0)
ADDED, REMOVED, CHANGED = "added", "removed", "changed"
# What is compared beside the amount, in the order in which it is told.
COMPARED = ("name", "category", "section", "description", "quantity", "unit_price", "notes")


class NoSuchRevision(BudgetProblem):
    code = "revision_not_found"

    def __init__(self, number: int) -> None:
        self.number = number
        super().__init__(f"This budget has no revision {number}.")


class NotAnEarlierRevision(BudgetProblem):
    """A plan is compared with one that came before it."""

    code = "not_an_earlier_revision"

    def __init__(self, *, number: int, against: int) -> None:
        self.number, self.against = number, against
        if number == 1:
            super().__init__(
                "Revision 1 is the first plan: there is none before it to compare with. Leave “against” out."
            )
        else:
            super().__init__(
                f"Revision {number} can be compared with an earlier one: 1 to {number - 1}. There is no such revision "
                f"{against}."
            )


@dataclass(frozen=True, slots=True)
class FieldDifference:
    """`name` of a field of `COMPARED`, with its values in both plans."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class LineDifference:
    """One line that is not the same in both plans. Amounts are 0 in the plan that does not have it.

    `before` is what was in force once the earlier plan was opened again. `transferred_before` is the part of it that
    transfers had brought (or taken, negative) by then; `transferred_between` the part of the difference that transfers
    of the revisions in between made. `name`, `category` and `section` are those of the later plan that has it.
    """

    line_item_id: UUID
    what: str
    kind: str
    name: str
    category_id: UUID
    category: str
    section: str
    before: Decimal
    after: Decimal
    transferred_before: Decimal
    transferred_between: Decimal
    fields: tuple[FieldDifference, ...]

    @property
    def difference(self) -> Decimal:
        return self.after - self.before

    @property
    def is_income(self) -> bool:
        return self.kind == LineKind.INCOME


@dataclass(frozen=True, slots=True)
class PlanDiff:
    """What a plan changes against `before`, an earlier one; against nothing, for the first plan.

    `transfers` are those done from the approval of `before` until `after` was opened, in their order.
    """

    before: RevisionEntry | None
    after: RevisionEntry
    lines: list[LineDifference]
    unchanged_count: int
    transfers: list[BudgetTransfer]

    @property
    def total_before(self) -> Decimal:
        return ZERO if self.before is None else self.before.total_budget_amount

    @property
    def total_difference(self) -> Decimal:
        return self.after.total_budget_amount - self.total_before

    @property
    def income_before(self) -> Decimal:
        return ZERO if self.before is None else self.before.projected_income_amount

    @property
    def income_difference(self) -> Decimal:
        return self.after.projected_income_amount - self.income_before

    def count(self, what: str) -> int:
        return sum(line.what == what for line in self.lines)


# Columns of one plan's line, as `_side` reads them.
_SIDE = (
    "{0}.budgeted_amount, {0}.name, {0}_category.name, {0}.section, {0}.description, {0}.quantity, {0}.unit_price, "
    "{0}.notes"
)
_TOLD = _SIDE.replace("{0}_category.name", "{0}.category_id")

_DIFF = """
    WITH transferred AS ({transferred}),
    moved AS (
        SELECT line_id, sum(amount) FILTER (WHERE revision = %(first)s) AS part_before,
               sum(amount) FILTER (WHERE revision > %(first)s) AS part_between
        FROM transferred GROUP BY line_id
    ),
    earlier AS ({earlier}),
    old AS (
        SELECT e.id, e.kind, e.category_id, e.section, e.name, e.description, e.notes,
               e.budgeted_amount + coalesce(m.part_before, 0) AS budgeted_amount, e.quantity, e.unit_price, e.sort_order
        FROM earlier e LEFT JOIN moved m ON m.line_id = e.id
    ),
    new AS ({later})
    SELECT coalesce(new.id, old.id), coalesce(new.kind, old.kind),
           coalesce(new.category_id, old.category_id), old.id IS NULL, new.id IS NULL,
           coalesce(m.part_before, 0), coalesce(m.part_between, 0), {old_side}, {new_side},
           EXISTS (SELECT FROM transferred)
    FROM old FULL JOIN new ON new.id = old.id
    LEFT JOIN moved m ON m.line_id = coalesce(new.id, old.id)
    LEFT JOIN budgets_category old_category ON old_category.tenant_id = %(tenant)s AND old_category.id = old.category_id
    LEFT JOIN budgets_category new_category ON new_category.tenant_id = %(tenant)s AND new_category.id = new.category_id
    WHERE ({old_told}) IS DISTINCT FROM ({new_told})
    ORDER BY coalesce(new_category.sort_order, old_category.sort_order), coalesce(new_category.name, old_category.name),
        coalesce(new.category_id, old.category_id), coalesce(new.sort_order, old.sort_order), coalesce(new.id, old.id)
"""
_NO_LINES = KEPT_LINES.replace("%(plan)s", "NULL")


def plan_diff(budget: EventBudget, number: int, against: int | None = None) -> PlanDiff:
    """Compare revision `number` of a budget with revision `against`, by default with the one before it.

    An earlier plan counts as it was in force in the end, with the transfers that were done while it was; a later one
    as it was approved, or as it is now while it is being worked on. Raises `NoSuchRevision`, `NotAnEarlierRevision`.
    """
    after = revision_entry(budget, number, with_people=False)
    if after is None:
        raise NoSuchRevision(number)
    before = _before(budget, number, against)
    first, last = (number, number - 1) if before is None else (before.number, number - 1)
    rows = _rows(budget, before, after, first=first, last=last)
    lines = list(_differences(rows))
    added = sum(line.what == ADDED for line in lines)
    changed = sum(line.what == CHANGED for line in lines)
    return PlanDiff(
        before=before,
        after=after,
        lines=lines,
        unchanged_count=after.lines_count - added - changed,
        # Where no line differs the rows tell nothing of them.
        transfers=transfers_between(budget, first=first, last=last) if not rows or rows[0][-1] else [],
    )


def _before(budget: EventBudget, number: int, against: int | None) -> RevisionEntry | None:
    if against is None:
        return None if number == 1 else revision_entry(budget, number - 1, with_people=False)
    before = revision_entry(budget, against, with_people=False) if against < number else None
    if before is None:
        raise NotAnEarlierRevision(number=number, against=against)
    return before


def _rows(
    budget: EventBudget, before: RevisionEntry | None, after: RevisionEntry, *, first: int, last: int
) -> list[Any]:
    """Return a row for each line that differs; the last column says whether anything was transferred in between."""
    later = KEPT_LINES.replace("%(plan)s", "%(later)s") if after.is_kept else WORKING_LINES
    statement = _DIFF.format(
        transferred=TRANSFERRED,
        earlier=KEPT_LINES.replace("%(plan)s", "%(earlier)s") if before is not None else _NO_LINES,
        later=later,
        old_side=_SIDE.format("old"),
        new_side=_SIDE.format("new"),
        old_told=_TOLD.format("old"),
        new_told=_TOLD.format("new"),
    )
    parameters = {
        "tenant": require_tenant_id(),
        "budget": budget.pk,
        "earlier": None if before is None else before.pk,
        "later": after.pk,
        "first": first,
        "last": last,
        "until": None,
    }
    return list(rows_with_deleted_categories(statement, parameters))


def _differences(rows: Iterable[Any]) -> Iterable[LineDifference]:
    for row in rows:
        line_item_id, kind, category_id, is_added, is_removed, transferred_before, transferred_between = row[:7]
        old, new = row[7:15], row[15:23]
        latest = old if is_removed else new
        fields: tuple[FieldDifference, ...] = ()
        if not is_added and not is_removed:
            fields = tuple(
                FieldDifference(name, was, now)
                for name, was, now in zip(COMPARED, old[1:], new[1:], strict=True)
                if was != now
            )
        yield LineDifference(
            line_item_id=line_item_id,
            what=ADDED if is_added else REMOVED if is_removed else CHANGED,
            kind=kind,
            name=latest[1],
            category_id=category_id,
            category=latest[2],
            section=latest[3],
            before=ZERO if is_added else old[0],
            after=ZERO if is_removed else new[0],
            transferred_before=transferred_before,
            transferred_between=transferred_between,
            fields=fields,
        )
