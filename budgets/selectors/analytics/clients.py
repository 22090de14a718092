"""What each client's events cost, and how often they went over."""

from dataclasses import dataclass
from uuid import UUID

from budgets.selectors.analytics.inquiry import Figures, Inquiry, budgets_of, figures_by
from budgets.selectors.analytics.position import answer
from budgetsite.accounts.models import User


@dataclass(frozen=True, slots=True)
class ClientFigures:
    """`client_id` is None for the events that name no client."""

    client_id: UUID | None
    name: str
    figures: Figures


def clients(inquiry: Inquiry) -> list[ClientFigures]:
    """Return the clients of the events asked for, those with the most money first. Two statements."""
    return answer("clients", inquiry, lambda: _clients(inquiry))


def _clients(inquiry: Inquiry) -> list[ClientFigures]:
    rows = figures_by(budgets_of(inquiry), "event__client_id")
    ids = [row["event__client_id"] for row in rows if row["event__client_id"]]
    names = {user.pk: str(user) for user in User.objects.filter(pk__in=ids)}
    found = [
        ClientFigures(row["event__client_id"], names.get(row["event__client_id"], ""), row["figures"]) for row in rows
    ]
    return sorted(found, key=lambda one: (-one.figures.budgeted, -one.figures.actual, one.name, str(one.client_id)))
