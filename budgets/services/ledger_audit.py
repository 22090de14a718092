"""One account's books examined, for the operator's commands and the nightly task."""

from dataclasses import dataclass

from django.db import transaction

from budgets.models import BudgetLineItem, EventBudget, LedgerEntry
from budgets.services.discrepancy import Discrepancy
from budgets.services.ledger_proof import verify_ledger
from budgetsite.tenancy.scope import deleted_rows_visible


@dataclass(frozen=True, slots=True)
class Audit:
    """What was examined, deleted rows included, and what differs, entries first."""

    budgets: int
    lines: int
    entries: int
    discrepancies: list[Discrepancy]

    @property
    def verdict(self) -> str:
        """One line: what was examined and is right, or the first thing that differs and how many more do."""
        if not self.discrepancies:
            return f"all right: {self.budgets} budgets, {self.lines} lines, {self.entries} entries"
        first, *others = self.discrepancies
        more = f" (and {len(others)} more)" if others else ""
        return f"{first}{more}"


@transaction.atomic
def audit_ledger() -> Audit:
    """Verify the current tenant's ledger and count what was verified. Changes nothing."""
    discrepancies = verify_ledger()
    with deleted_rows_visible():
        return Audit(
            budgets=EventBudget.objects.count(),
            lines=BudgetLineItem.objects.count(),
            entries=LedgerEntry.objects.count(),
            discrepancies=discrepancies,
        )
