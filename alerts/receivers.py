"""Thin receivers: each calls one named service."""

from typing import Any

from django.dispatch import receiver

from alerts.services.evaluation import evaluate_budget
from budgets.models import EventBudget
from budgets.services.figures import BudgetFigures, LineFigures
from budgets.signals import budget_recalculated


@receiver(budget_recalculated, sender=EventBudget, dispatch_uid="alerts.budget_recalculated")
def budget_has_new_figures(
    sender: type[EventBudget], figures: BudgetFigures, lines: list[LineFigures] | None, **kwargs: Any
) -> None:
    evaluate_budget(figures, lines)
