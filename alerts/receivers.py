"""Thin receivers: each calls one named service."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.dispatch import receiver

from alerts.services.evaluation import evaluate_budget
from alerts.services.scoped_evaluation import evaluate_counted, evaluate_scoped_budget
from budgets.models import EventBudget, ScopedBudget
from budgets.services.counting import Counted
from budgets.services.figures import BudgetFigures, LineFigures
from budgets.signals import budget_recalculated, scoped_budget_changed, scoped_budgets_counted


@receiver(budget_recalculated, sender=EventBudget, dispatch_uid="alerts.budget_recalculated")
def budget_has_new_figures(
    sender: type[EventBudget], figures: BudgetFigures, lines: list[LineFigures] | None, **kwargs: Any
) -> None:
    evaluate_budget(figures, lines)


@receiver(scoped_budgets_counted, sender=ScopedBudget, dispatch_uid="alerts.scoped_budgets_counted")
def scoped_budgets_have_new_figures(
    sender: type[ScopedBudget], counted: Sequence[Counted], now: datetime, **kwargs: Any
) -> None:
    evaluate_counted(counted, now=now)


@receiver(scoped_budget_changed, sender=ScopedBudget, dispatch_uid="alerts.scoped_budget_changed")
def scoped_budget_is_another(sender: type[ScopedBudget], budget: ScopedBudget, now: datetime, **kwargs: Any) -> None:
    evaluate_scoped_budget(budget.pk, now=now, has_hierarchy_alone=True)
