"""The decisions on a budget, as whoever asks may read them."""

from uuid import UUID

from django.db.models import QuerySet

from budgets.models import BudgetDecision


def decisions_on(budget_id: UUID, *, for_team: bool) -> QuerySet[BudgetDecision]:
    """Return the decisions on a budget with who made them; which company budget pays is for the team alone."""
    found: QuerySet[BudgetDecision] = BudgetDecision.objects.filter(budget_id=budget_id).select_related("actor")
    return found if for_team else found.exclude(action="fund")
