"""Which evaluation looks at which type of alert of an event's budget: each type has exactly one.

An evaluation resolves whatever is held and its figures do not demand, so it must never hold another one's alerts.
"""

from alerts.models import AlertType, BudgetAlert

# By `alerts.services.evaluation`, in the transaction that changes the figures.
BY_FIGURES = frozenset(
    {
        AlertType.THRESHOLD_WARNING,
        AlertType.THRESHOLD_EXCEEDED,
        AlertType.OVER_BUDGET,
        AlertType.VARIANCE_HIGH,
        AlertType.LINE_ITEM_OVERRUN,
    }
)
# Told by the reminders, each with its days and to whom it goes up: nobody is told of these alerts beside them.
OF_PAYMENTS = BudgetAlert.OF_PAYMENTS
# By `alerts.services.outlook`, after the commit and as time passes; those of payments also once the budget is closed.
BY_OUTLOOK = OF_PAYMENTS | {AlertType.FORECAST_OVERRUN}
