"""Proof of the books: every total and every hash recomputed from the entries, and totals rebuilt from them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.db import IntegrityError, connection, transaction

from budgets.services.discrepancy import Discrepancy
from budgets.services.expense_proof import wrong_expenses
from budgets.services.figures import LINE_IN_FORCE, TOTAL_IN_FORCE, variance_percentage_sql
from budgets.services.hierarchy import have_hierarchy_alone
from budgets.services.plan_proof import wrong_plans
from budgets.services.scoped_proof import MEND_HEADS, budgets_with_wrong_windows, wrong_scoped_budgets
from budgets.services.window_rebuilding import rebuild_windows
from budgetsite.money.ratios import PERCENTAGE_LIMIT
from budgetsite.tenancy.scope import deleted_rows_visible, require_tenant_id

_CHAIN = """
    SELECT e.budget_id, e.id, e.seq,
           e.seq IS DISTINCT FROM row_number() OVER chain AS out_of_order,
           e.prev_hash IS DISTINCT FROM coalesce(lag(e.hash) OVER chain, ''::bytea) AS unlinked,
           e.hash IS DISTINCT FROM budgets_ledger_hash(e.prev_hash, e.tenant_id, e.id, e.budget_id, e.line_item_id,
               e.seq, e.kind, e.committed_delta, e.actual_delta, e.currency, e.source, e.source_id, e.occurred_at)
               AS altered
    FROM budgets_ledgerentry e
    WHERE e.tenant_id = %(tenant)s AND e.budget_id IS NOT NULL
    WINDOW chain AS (PARTITION BY e.budget_id ORDER BY e.seq, e.id)
"""

_BROKEN_LINKS = f"""
    SELECT budget_id, id, seq, out_of_order, unlinked, altered FROM ({_CHAIN}) c
    WHERE out_of_order OR unlinked OR altered ORDER BY budget_id, seq LIMIT 100
"""

_BUDGET_TOTALS = f"""
    SELECT b.id, b.lines_total_amount, b.total_budget_amount, b.total_committed_amount, b.total_actual_amount,
           b.unallocated_committed_amount, b.unallocated_actual_amount, b.variance_amount, b.variance_percentage,
           b.projected_income_amount, b.total_income_amount, b.ledger_seq,
           coalesce(l.budgeted, 0),
           CASE WHEN b.total_follows_lines THEN coalesce(l.budgeted, 0) ELSE b.total_budget_amount END,
           coalesce(e.committed, 0), coalesce(e.actual, 0),
           coalesce(e.unallocated_committed, 0), coalesce(e.unallocated_actual, 0),
           {TOTAL_IN_FORCE} - coalesce(e.actual, 0),
           {variance_percentage_sql(TOTAL_IN_FORCE, "coalesce(e.actual, 0)")},
           coalesce(l.projected_income, 0), coalesce(e.income, 0),
           coalesce(e.last_seq, 0),
           b.ledger_hash, coalesce((SELECT h.hash FROM budgets_ledgerentry h WHERE h.tenant_id = b.tenant_id
               AND h.budget_id = b.id ORDER BY h.seq DESC LIMIT 1), ''::bytea)
    FROM budgets_eventbudget b
    LEFT JOIN (
        SELECT budget_id, sum(budgeted_amount) FILTER (WHERE kind = 'cost') AS budgeted,
               sum(budgeted_amount) FILTER (WHERE kind = 'income') AS projected_income
        FROM budgets_budgetlineitem l
        WHERE tenant_id = %(tenant)s AND deleted_at IS NOT DISTINCT FROM (SELECT p.deleted_at FROM budgets_eventbudget p
            WHERE p.tenant_id = l.tenant_id AND p.id = l.budget_id)
        GROUP BY budget_id
    ) l ON l.budget_id = b.id
    LEFT JOIN (
        SELECT budget_id, sum(committed_delta) AS committed,
               sum(actual_delta) FILTER (WHERE kind <> 'income') AS actual,
               sum(actual_delta) FILTER (WHERE kind = 'income') AS income,
               sum(committed_delta) FILTER (WHERE line_item_id IS NULL) AS unallocated_committed,
               sum(actual_delta) FILTER (WHERE line_item_id IS NULL) AS unallocated_actual,
               max(seq) AS last_seq
        FROM budgets_ledgerentry WHERE tenant_id = %(tenant)s GROUP BY budget_id
    ) e ON e.budget_id = b.id
    WHERE b.tenant_id = %(tenant)s
    ORDER BY b.id
"""
_BUDGET_FIELDS = (
    "lines_total_amount",
    "total_budget_amount",
    "total_committed_amount",
    "total_actual_amount",
    "unallocated_committed_amount",
    "unallocated_actual_amount",
    "variance_amount",
    "variance_percentage",
    "projected_income_amount",
    "total_income_amount",
    "ledger_seq",
)

_LINE_TOTALS = f"""
    SELECT l.id, l.committed_amount, l.actual_amount, l.variance_amount,
           coalesce(e.committed, 0), coalesce(e.actual, 0), {LINE_IN_FORCE} - coalesce(e.actual, 0)
    FROM budgets_budgetlineitem l
    LEFT JOIN (
        SELECT line_item_id, sum(committed_delta) AS committed, sum(actual_delta) AS actual
        FROM budgets_ledgerentry WHERE tenant_id = %(tenant)s AND line_item_id IS NOT NULL GROUP BY line_item_id
    ) e ON e.line_item_id = l.id
    WHERE l.tenant_id = %(tenant)s
      AND (l.committed_amount, l.actual_amount, l.variance_amount)
          IS DISTINCT FROM (coalesce(e.committed, 0), coalesce(e.actual, 0), {LINE_IN_FORCE} - coalesce(e.actual, 0))
    ORDER BY l.id
"""
_LINE_FIELDS = ("committed_amount", "actual_amount", "variance_amount")


_WRONG_CURRENCIES = """
    SELECT 'line', l.id, l.currency, b.currency FROM budgets_budgetlineitem l
    JOIN budgets_eventbudget b ON b.tenant_id = l.tenant_id AND b.id = l.budget_id
    WHERE l.tenant_id = %(tenant)s AND l.currency <> b.currency
    UNION ALL
    SELECT 'ledger entry', e.id, e.currency, b.currency FROM budgets_ledgerentry e
    JOIN budgets_eventbudget b ON b.tenant_id = e.tenant_id AND b.id = e.budget_id
    WHERE e.tenant_id = %(tenant)s AND e.currency <> b.currency
"""


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """How many rows were mended, and which budgets could not be."""

    changed: int
    unmended: list[Discrepancy]


def verify_ledger() -> list[Discrepancy]:
    """Recompute every total and every hash of the current tenant, compare the plans in force with those approved, and
    each expense with its entries, bills and payments, and each window of a scoped budget with all that counts in it.

    Return what differs: entries first, then figures, plans, expenses and scoped budgets.
    """
    with transaction.atomic(), deleted_rows_visible():
        return [
            *_broken_links(),
            *_wrong_currencies(),
            *_wrong_budgets(),
            *_wrong_lines(),
            *wrong_plans(),
            *wrong_expenses(),
            *wrong_scoped_budgets(),
        ]


def rebuild_totals() -> Rebuilt:
    """Set every projection of the current tenant to what the entries say, the heads of the chains included.

    The entries are never touched: a broken chain stays broken, and `verify_ledger` goes on naming it. A budget whose
    lines exceed its total is left as it is and named, and the others are mended all the same.
    """
    with transaction.atomic(), deleted_rows_visible(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM budgets_eventbudget WHERE tenant_id = %(tenant)s ORDER BY id FOR NO KEY UPDATE", _tenant()
        )
        changed = _mend_lines(cursor)
        unmended: dict[Any, Discrepancy] = {}
        # Twice: a total that follows its lines has to be right before its variance can be.
        for _ in range(2):
            changed += _mend_budgets(cursor, unmended)
        changed += _mend_scoped_budgets(cursor)
    return Rebuilt(changed, list(unmended.values()))


def _mend_scoped_budgets(cursor: Any) -> int:
    have_hierarchy_alone()
    cursor.execute(MEND_HEADS, _tenant())
    changed: int = cursor.rowcount
    wrong = budgets_with_wrong_windows()
    rebuild_windows(wrong)
    return changed + len(wrong)


def _mend_lines(cursor: Any) -> int:
    changed = 0
    cursor.execute(_LINE_TOTALS, _tenant())
    for row in cursor.fetchall():
        cursor.execute(
            "UPDATE budgets_budgetlineitem SET committed_amount = %s, actual_amount = %s, variance_amount = %s"
            " WHERE tenant_id = %s AND id = %s",
            [*row[4:7], require_tenant_id(), row[0]],
        )
        changed += cursor.rowcount
    return changed


def _mend_budgets(cursor: Any, unmended: dict[Any, Discrepancy]) -> int:
    changed = 0
    assignments = ", ".join(f"{name} = %s" for name in (*_BUDGET_FIELDS, "ledger_hash"))
    cursor.execute(_BUDGET_TOTALS, _tenant())
    for row in cursor.fetchall():
        stored, true = (*row[1:12], row[23]), (*row[12:23], row[24])
        if stored == true:
            continue
        try:
            with transaction.atomic():
                cursor.execute(
                    f"UPDATE budgets_eventbudget SET {assignments} WHERE tenant_id = %s AND id = %s",
                    [*true, require_tenant_id(), row[0]],
                )
            changed += cursor.rowcount
        except IntegrityError:
            detail = f"its lines add up to {true[0]}, more than its total of {true[1]}: correct the plan by hand"
            unmended[row[0]] = Discrepancy("budget", str(row[0]), detail)
    return changed


def _wrong_currencies() -> Iterator[Discrepancy]:
    for subject, subject_id, currency, kept_in in _rows(_WRONG_CURRENCIES):
        yield Discrepancy(subject, str(subject_id), f"is in {currency}, its budget in {kept_in}")


def _broken_links() -> Iterator[Discrepancy]:
    for budget_id, entry_id, seq, _out_of_order, unlinked, altered in _rows(_BROKEN_LINKS):
        if altered:
            detail = f"entry {seq} of budget {budget_id} was altered: its hash does not match its contents"
        elif unlinked:
            detail = f"entry {seq} of budget {budget_id} does not follow the entry before it"
        else:
            detail = f"entry {seq} of budget {budget_id} is out of order: an entry is missing or was added"
        yield Discrepancy("ledger entry", str(entry_id), detail)


def _wrong_budgets() -> Iterator[Discrepancy]:
    for row in _rows(_BUDGET_TOTALS):
        for name, stored, true in zip(_BUDGET_FIELDS, row[1:12], row[12:23], strict=True):
            if stored != true:
                yield Discrepancy.of_figure("budget", row[0], name, stored, true)
        if row[23] != row[24]:
            yield Discrepancy("budget", str(row[0]), "the last entry is not the one that its chain ends with")


def _wrong_lines() -> Iterator[Discrepancy]:
    for row in _rows(_LINE_TOTALS):
        for name, stored, true in zip(_LINE_FIELDS, row[1:4], row[4:7], strict=True):
            if stored != true:
                yield Discrepancy.of_figure("line", row[0], name, stored, true)


def _rows(query: str) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(query, _tenant())
        found: list[Any] = cursor.fetchall()
        return found


def _tenant() -> dict[str, Any]:
    return {"tenant": require_tenant_id(), "percentage_limit": PERCENTAGE_LIMIT}
