"""Everything that can be measured, by the name that `--only` takes, in the order of the report."""

from collections.abc import Callable

from budgetsite.testing.benchmarks import (
    alerting,
    analytics,
    budget_page,
    expenses,
    growth,
    ledger_posting,
    line_edit,
    lists,
    live,
    recomputing,
    registering,
    relaying,
    revisions,
    scoped_budgets,
    telling,
    transferring,
)
from budgetsite.testing.benchmarks.report import Row
from budgetsite.testing.benchmarks.run import Run

SUBJECTS: dict[str, Callable[[Run], list[Row]]] = {
    "page": budget_page.measure,
    "edit": line_edit.measure,
    "posting": ledger_posting.measure,
    "transfer": transferring.measure,
    "list": lists.measure,
    "recompute": recomputing.measure,
    "revisions": revisions.measure,
    "growth": growth.measure,
    "analytics": analytics.measure,
    "registering": registering.measure,
    "expenses": expenses.measure,
    "scoped": scoped_budgets.measure,
    "alerts": alerting.measure,
    "outbox": relaying.measure,
    "webhooks": telling.measure,
    "live": live.measure,
}
