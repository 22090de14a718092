"""What happens to budgets. Sent inside the transaction that changes them."""

from django.dispatch import Signal

# figures: BudgetFigures, the budget's new totals.
# lines: the LineFigures that may have changed with them, or None when any of its lines may have.
budget_recalculated = Signal()

# line: the BudgetLineItem about to be deleted or moved to another budget, its budget locked. A receiver that returns a
# sentence keeps it where it is.
line_leaving = Signal()

# counted: the list of `budgets.services.counting.Counted`, a scoped budget and its ancestors from the leaf up. Soft
# ones have no figures in it: what they stand at is known after the transaction.
# now: the moment of the change.
scoped_budgets_counted = Signal()

# budget: the ScopedBudget whose amount, windows, thresholds or enforcement have changed; the transaction has the
# account's hierarchy alone.
# now: the moment of the change.
scoped_budget_changed = Signal()
