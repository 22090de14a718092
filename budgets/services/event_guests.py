"""The guests that an event expects, and the draft that counts on them."""

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.db import transaction

from budgets.models import PLANNING_STATUSES, EventBudget, PlanDriver
from budgets.services.guards import lock_budget
from budgets.services.problems import BudgetProblem
from events.models import Event


def follow_expected_guests(event: Event) -> None:
    """Let the draft of an event's budget follow a number of guests that is about to be saved.

    An approved plan, or one with its approvers, stays as it is, and so does a draft when the number is no longer
    known. Locks the event, then its budget. Raises `ValidationError` at `expected_guests` where the plan does not
    allow that many; nothing is stored then.
    """
    if event._state.adding or event.expected_guests is None:
        return
    stored = Event.objects.filter(pk=event.pk).select_for_update(no_key=True).values_list("expected_guests", flat=True)
    if stored.first() == event.expected_guests:
        return
    budget_id = EventBudget.objects.filter(event=event).values_list("pk", flat=True).first()
    if budget_id is None or lock_budget(budget_id).status not in PLANNING_STATUSES:
        return
    driver = PlanDriver.objects.filter(budget_id=budget_id, follows_guests=True).first()
    if driver is None:
        return
    driver.quantity = Decimal(event.expected_guests)
    try:
        with transaction.atomic():
            driver.save()
    except BudgetProblem as problem:
        raise ValidationError({"expected_guests": ValidationError(str(problem), code=problem.code)}) from problem
