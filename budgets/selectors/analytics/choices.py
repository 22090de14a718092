"""What an inquiry can be narrowed to: the currencies and clients of the events that its asker may see."""

from dataclasses import dataclass
from uuid import UUID

from budgets.selectors.analytics.inquiry import Inquiry, budgets_of
from budgets.selectors.analytics.position import answer
from budgetsite.accounts.models import User


@dataclass(frozen=True, slots=True)
class Choices:
    currencies: list[str]
    clients: list[tuple[UUID, str]]


def choices(inquiry: Inquiry) -> Choices:
    """Return the choices, whatever the inquiry is narrowed to. Two statements."""
    return answer("choices", inquiry, lambda: _choices(inquiry))


def _choices(inquiry: Inquiry) -> Choices:
    rows = budgets_of(inquiry, all_currencies=True).order_by().values_list("currency", "event__client_id").distinct()
    found = list(rows)
    clients = User.objects.filter(pk__in=[client_id for _, client_id in found if client_id])
    return Choices(
        currencies=sorted({currency for currency, _ in found}),
        clients=sorted(((client.pk, str(client)) for client in clients), key=lambda one: (one[1].casefold(), one[0])),
    )
