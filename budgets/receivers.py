"""Thin receivers: each calls one named service."""

from typing import Any

from django.db.models.signals import post_save, pre_save
from django.dispatch import receiver

from budgets.models import BudgetLineItem, EventBudget, PlanDriver, ScopedBudget
from budgets.services import driver_effects, event_budget_effects, line_item_effects
from budgets.services.built_in_templates import seed_templates
from budgets.services.categories import seed_categories
from budgets.services.event_changes import refuse_other_currency, why_event_stays
from budgets.services.event_guests import follow_expected_guests
from budgets.sights import let_company_pages_look_again
from budgets.signals import scoped_budgets_counted
from budgetsite.accounts.models import Account
from budgetsite.accounts.signals import account_created
from events.models import Event
from events.signals import event_deleting


@receiver(pre_save, sender=BudgetLineItem, dispatch_uid="budgets.line_item_saving")
def line_item_saving(sender: type[BudgetLineItem], instance: BudgetLineItem, raw: bool, **kwargs: Any) -> None:
    if not raw:
        line_item_effects.before_save(instance)


@receiver(post_save, sender=BudgetLineItem, dispatch_uid="budgets.line_item_saved")
def line_item_saved(sender: type[BudgetLineItem], instance: BudgetLineItem, raw: bool, **kwargs: Any) -> None:
    if not raw:
        line_item_effects.after_save(instance)


@receiver(pre_save, sender=EventBudget, dispatch_uid="budgets.event_budget_saving")
def event_budget_saving(sender: type[EventBudget], instance: EventBudget, raw: bool, **kwargs: Any) -> None:
    if not raw:
        event_budget_effects.before_save(instance)


@receiver(post_save, sender=EventBudget, dispatch_uid="budgets.event_budget_saved")
def event_budget_saved(
    sender: type[EventBudget], instance: EventBudget, created: bool, raw: bool, **kwargs: Any
) -> None:
    if not raw:
        event_budget_effects.after_save(instance, created=created)


@receiver(pre_save, sender=PlanDriver, dispatch_uid="budgets.driver_saving")
def driver_saving(sender: type[PlanDriver], instance: PlanDriver, raw: bool, **kwargs: Any) -> None:
    if not raw:
        driver_effects.before_save(instance)


@receiver(post_save, sender=PlanDriver, dispatch_uid="budgets.driver_saved")
def driver_saved(sender: type[PlanDriver], instance: PlanDriver, raw: bool, **kwargs: Any) -> None:
    if not raw:
        driver_effects.after_save(instance)


@receiver(pre_save, sender=Event, dispatch_uid="budgets.event_saving")
def event_saving(sender: type[Event], instance: Event, raw: bool, **kwargs: Any) -> None:
    if not raw:
        refuse_other_currency(instance)


@receiver(pre_save, sender=Event, dispatch_uid="budgets.event_guests_changing")
def event_guests_changing(
    sender: type[Event], instance: Event, raw: bool, update_fields: frozenset[str] | None, **kwargs: Any
) -> None:
    if not raw and (update_fields is None or "expected_guests" in update_fields):
        follow_expected_guests(instance)


@receiver(event_deleting, sender=Event, dispatch_uid="budgets.event_deleting")
def event_to_be_deleted(sender: type[Event], event: Event, **kwargs: Any) -> str | None:
    return why_event_stays(event)


@receiver(account_created, dispatch_uid="budgets.seed_categories")
def account_opened(sender: type[Account], account: Account, **kwargs: Any) -> None:
    seed_categories()
    seed_templates()


@receiver(scoped_budgets_counted, sender=ScopedBudget, dispatch_uid="budgets.scoped_budgets_counted")
def company_budgets_have_new_figures(sender: type[ScopedBudget], **kwargs: Any) -> None:
    let_company_pages_look_again()
