"""What the refusals of scoped budgets, their usage and their reservations mean to a client."""

from typing import Any

from django.utils import timezone
from rest_framework.exceptions import APIException, NotFound

from budgets.api.scoped_answers import refusals_answer, scoped_budget_answer
from budgets.models import ScopedBudget
from budgets.selectors.constraint_check import ScopeOutOfReach
from budgets.services import scoped_problems as problems
from budgets.services.problems import CurrencyMismatch
from budgets.services.windows import OutsideCalendar
from budgetsite.api.errors import field_error, not_found, translate_problems
from budgetsite.api.refusals import Conflict, field_refusal


def _stale(error: problems.StaleScopedVersion, view: Any) -> APIException:
    """Answer with the budget as it is now, so that the client can go on from there."""
    budget = ScopedBudget.objects.filter(pk=error.budget_id).first()
    if budget is None:
        return NotFound(str(error))
    return Conflict(error.code, str(error), current=scoped_budget_answer(budget, timezone.now()))


def _fixed(error: problems.PlaceFixed, view: Any) -> APIException:
    return field_refusal(error.field, error.code, str(error))


def _no_room(error: problems.NoRoom, view: Any) -> APIException:
    return Conflict(error.code, str(error), refusals=refusals_answer(error.refusals))


def _has_children(error: problems.HasChildren, view: Any) -> APIException:
    return Conflict(error.code, str(error), children=error.names, children_count=error.count)


def _currency_mismatch(error: CurrencyMismatch, view: Any) -> APIException:
    """At the field, where a request names its currency itself."""
    attr = getattr(view, "currency_attr", None)
    return Conflict(error.code, str(error)) if attr is None else field_refusal(attr, error.code, str(error))


def _outside_calendar(error: OutsideCalendar, view: Any) -> APIException:
    return field_refusal("timestamp", "out_of_range", "No window of the budget holds this moment. Write another date.")


translate_problems(
    {
        problems.ScopedBudgetNotFound: not_found,
        ScopeOutOfReach: not_found,
        problems.ParentNotFound: field_error("parent_budget_id"),
        problems.TooManyLevels: field_error("parent_budget_id"),
        problems.ParentCurrencyDiffers: field_error("currency"),
        problems.PlaceFixed: _fixed,
        problems.HasChildren: _has_children,
        problems.StaleScopedVersion: _stale,
        problems.NoRoom: _no_room,
        problems.UsageNotFound: not_found,
        problems.ReservationNotFound: not_found,
        CurrencyMismatch: _currency_mismatch,
        OutsideCalendar: _outside_calendar,
    }
)
