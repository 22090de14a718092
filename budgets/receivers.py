"""Thin receivers: each calls one named service."""

from typing import Any

from django.db.models.signals import post_save, pre_save
from django.dispatch import receiver

from budgets.models import BudgetLineItem, EventBudget
from budgets.services.categories import seed_categories
from budgets.services.line_item_effects import after_save, before_save
from budgets.services.recalculation import recalculate_budget
from budgetsite.accounts.models import Account
from budgetsite.accounts.signals import account_created


@receiver(pre_save, sender=BudgetLineItem, dispatch_uid="budgets.line_item_saving")
def line_item_saving(sender: type[BudgetLineItem], instance: BudgetLineItem, raw: bool, **kwargs: Any) -> None:
    if not raw:
        before_save(instance)


@receiver(post_save, sender=BudgetLineItem, dispatch_uid="budgets.line_item_saved")
def line_item_saved(
    sender: type[BudgetLineItem], instance: BudgetLineItem, created: bool, raw: bool, **kwargs: Any
) -> None:
    if not raw:
        after_save(instance, created=created)


@receiver(post_save, sender=EventBudget, dispatch_uid="budgets.event_budget_saved")
def event_budget_saved(
    sender: type[EventBudget], instance: EventBudget, created: bool, raw: bool, **kwargs: Any
) -> None:
    if not raw:
        recalculate_budget(instance.pk, plan_changed=not created, lines=[])


@receiver(account_created, dispatch_uid="budgets.seed_categories")
def account_opened(sender: type[Account], account: Account, **kwargs: Any) -> None:
    seed_categories()
