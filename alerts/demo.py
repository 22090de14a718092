"""What the demo's alerts say at once that a worker would say a little later: payments, forecasts, soft budgets."""

from datetime import datetime

from alerts.services.outlook import follow_all_event_budgets
from alerts.services.scoped_evaluation import follow_all_scoped_budgets
from budgets.demo.people import Cast
from budgetsite.accounts.roles import Role


def tell(cast: Cast, *, now: datetime) -> None:
    with cast.acting(Role.OWNER):
        follow_all_event_budgets(now=now)
        follow_all_scoped_budgets(now=now)
