"""What all views of scoped budgets have in common."""

from typing import Any
from uuid import UUID

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import ParseError, ValidationError

from budgets.models import ScopedBudget
from budgetsite.api.views import ContractViewSet


class ScopedViewSet(ContractViewSet):
    """The live budgets that the asking person sees, or that a machine's key reaches: those it names and all below."""

    model = ScopedBudget
    tags = ["scoped budgets"]
    # Where a service says that an amount is in another currency.
    currency_attr = "currency"
    amount_attr = "amount"
    attr_names = {"thresholds": "alerts", "parent": "parent_budget_id"}

    def visible(self) -> QuerySet[Any]:
        return ScopedBudget.objects.filter(self.within_reach()).by_name()

    def require_reach(self, budget_id: UUID) -> None:
        """Raise 404 for a budget out of a key's reach. A budget that does not exist is left to who reads it next."""
        if self.api_key is not None and self.api_key.budget_ids:
            self.find(budget_id)

    def read_for(
        self, budget_id: UUID, input_class: type[serializers.Serializer], *, may_be_empty: bool = False
    ) -> dict[str, Any]:
        """Return the validated body, and look the budget up only where it is needed.

        It is when a time has no zone, when a key does not reach everything, and when the body is refused: what does not
        exist is 404, whatever was sent.
        """
        self.require_reach(budget_id)
        try:
            return self.read(input_class, may_be_empty=may_be_empty, timezone=lambda: self.find(budget_id).timezone)
        except (ValidationError, ParseError):
            self.find(budget_id)
            raise

    @property
    def machine(self) -> str:
        """The name of the machine that asks, empty for people."""
        return "" if self.api_key is None else self.api_key.name
