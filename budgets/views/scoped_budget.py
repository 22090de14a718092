"""One of the company's budgets: its page, making and changing it, deleting it."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from alerts.selectors import open_alerts_of_scoped
from budgets.forms.scoped_budget import (
    MOST_THRESHOLDS,
    NewScopedBudgetForm,
    ScopedBudgetForm,
    ThresholdFormSet,
    sent_rows,
    stored_rows,
    thresholds_formset,
)
from budgets.models import Enforcement, Period, ScopedBudget
from budgets.selectors.forecast.burn import burn_forecast
from budgets.selectors.scoped_entries import counting_in, entries_in
from budgets.selectors.scoped_page import children_of, funded_by, held_in
from budgets.selectors.scoped_parents import possible_parents
from budgets.selectors.scoped_windows import windows_page
from budgets.services.problems import BudgetProblem
from budgets.services.scoped_budget import Changed, create_scoped_budget, delete_scoped_budget, update_scoped_budget
from budgets.services.scoped_problems import (
    ParentCurrencyDiffers,
    ParentNotFound,
    StaleScopedVersion,
    TooManyLevels,
)
from budgets.services.scoped_thresholds import stored_thresholds
from budgets.views.scoped_page import scoped_context, scoped_page_or_404, stored_or_404
from budgets.views.scoped_words import (
    ENFORCEMENT_WORDS,
    PERIOD_WORDS,
    choice_of_parent,
    columns_of,
    not_in_force,
    scope_in_words,
    threshold_rows,
    time_left,
    window_in_words,
)
from budgetsite.accounts.permissions import may
from budgetsite.money.amounts import InvalidAmount
from budgetsite.pages.access import PageRequest, page
from budgetsite.tenancy.scope import deleted_rows_visible

METHODS = ["GET", "HEAD", "POST"]
RECENT = 8
BLANK_ROWS = 2
# What the services call otherwise than the form does.
_FIELDS = {"parent_id": "parent"}


@page("scoped_budgets.view")
@require_safe
def company_budget(request: PageRequest, budget_id: UUID) -> HttpResponse:
    shown = scoped_page_or_404(budget_id)
    standing, now = shown.standing, shown.standing.now
    counting = counting_in(budget_id)
    entries = entries_in(counting, since=standing.window.start, until=standing.window.end)
    with deleted_rows_visible():
        recent = list(entries.order_by("-occurred_at", "-id")[:RECENT])
    windows = windows_page(standing)
    children = children_of(budget_id, now=now)
    context = scoped_context(request, shown, current="company_budget") | {
        "alerts": list(open_alerts_of_scoped(budget_id)) if may(request.role, "alerts.view") else [],
        "may_answer": may(request.role, "alerts.acknowledge"),
        "stored": stored_or_404(budget_id),
        "tightest": shown.tightest_above,
        "enforcement": ENFORCEMENT_WORDS[Enforcement(shown.budget.enforcement)],
        "per_period": PERIOD_WORDS[Period(shown.budget.period)],
        "not_in_force": not_in_force(standing),
        "thresholds": threshold_rows(standing),
        "will_be_over": burn_forecast(standing).is_overrun_expected,
        "children": [(child, scope_in_words(child.budget), time_left(child)) for child in children.rows],
        "children_cut": children.is_cut,
        "funded": funded_by(budget_id),
        "held": held_in(counting.scoped_budget_ids, now=now),
        "recent": recent,
        "windows": [(one, window_in_words(one.window)) for one in windows.rows],
        "columns": columns_of(windows.rows),
        "has_past": len(windows.rows) > 1,
        "more_windows": windows.older,
    }
    return render(request, "budgets/company/detail.html", context)


@page("scoped_budgets.change")
@require_http_methods(METHODS)
def company_budget_create(request: PageRequest) -> HttpResponse:
    parents = [choice_of_parent(budget) for budget in possible_parents(now=timezone.now())]
    form = NewScopedBudgetForm(
        request.POST if request.method == "POST" else None,
        parents=parents,
        account_currency=request.account.currency,
        initial=_beginning(request, parents),
    )
    return _editor(request, form, None, rows=[_blank() for _ in range(BLANK_ROWS)])


@page("scoped_budgets.change")
@require_http_methods(METHODS)
def company_budget_edit(request: PageRequest, budget_id: UUID) -> HttpResponse:
    stored = stored_or_404(budget_id)
    form = ScopedBudgetForm(request.POST if request.method == "POST" else None, currency=stored.currency, stored=stored)
    rows = stored_rows(threshold.as_json() for threshold in stored_thresholds(stored.thresholds))
    return _editor(request, form, stored, rows=[*rows, _blank()])


@page("scoped_budgets.change")
@require_http_methods(METHODS)
def company_budget_delete(request: PageRequest, budget_id: UUID) -> HttpResponse:
    shown = scoped_page_or_404(budget_id)
    problem = ""
    if request.method == "POST":
        try:
            delete_scoped_budget(budget_id=budget_id, acting_user=request.user, now=timezone.now())
        except BudgetProblem as refusal:
            problem = str(refusal)
        else:
            undo = reverse("budgets:company_restore", args=[budget_id])
            messages.success(request, f"“{shown.budget.name}” is deleted.", extra_tags=undo)
            return redirect("budgets:company_budgets")
    now = shown.standing.now
    children, funded = children_of(budget_id, now=now), funded_by(budget_id)
    held = held_in([budget_id], now=now)
    context = scoped_context(request, shown) | {
        "problem": problem,
        "children": [child.budget for child in children.rows],
        "funded": funded.rows,
        "held": held.rows,
        "stands_in_the_way": bool(children.rows or funded.rows or held.rows),
        "confirm_title": f"Delete “{shown.budget.name}”?",
        "confirm_label": "Delete the budget",
        "confirm_tone": "danger",
        "cancel_url": reverse("budgets:company_budget", args=[budget_id]),
    }
    return render(request, "budgets/company/delete.html", context, status=409 if problem else 200)


def _editor(
    request: PageRequest, form: ScopedBudgetForm, stored: ScopedBudget | None, *, rows: list[dict[str, Any]]
) -> HttpResponse:
    context: dict[str, Any] = {
        "form": form,
        "stored": stored,
        "scope_words": scope_in_words(stored) if stored else "",
        "warnings": _warnings_of(stored),
        "cancel_url": reverse("budgets:company_budget", args=[stored.pk])
        if stored
        else reverse("budgets:company_budgets"),
    }
    if request.method != "POST":
        context["formset"] = thresholds_formset(rows=rows)
        return render(request, "budgets/company/form.html", context)
    if request.POST.get("step") == "add":
        # Nothing is judged yet: what was typed is shown again, with one row more.
        sent = sent_rows(request.POST)
        form.errors.clear()
        rows = [*sent, _blank()] if len(sent) < MOST_THRESHOLDS else sent
        context["formset"] = formset = thresholds_formset(rows=rows)
        formset.forms[-1].fields["percentage"].widget.attrs["autofocus"] = True
        return render(request, "budgets/company/form.html", context)
    formset = thresholds_formset(data=request.POST)
    context["formset"] = formset
    # Both are judged, so that everything wrong is said at once.
    valid = [form.is_valid(), _is_valid(formset)]
    context["wrong_rows"] = [
        (f"Threshold {number}", row)
        for number, row in enumerate(formset.forms, start=1)
        if row in formset.filled and row.errors
    ]
    if all(valid):
        changed = _saved(request, form, formset, stored)
        if changed is not None:
            messages.success(request, f"“{changed.budget.name}” is saved.")
            for warning in changed.warnings:
                messages.warning(request, warning["detail"])
            return redirect("budgets:company_budget", changed.budget.pk)
    context["changed_meanwhile"] = form.has_error(NON_FIELD_ERRORS, "stale_version")
    return render(request, "budgets/company/form.html", context, status=409 if context["changed_meanwhile"] else 422)


def _is_valid(formset: ThresholdFormSet) -> bool:
    """Whether the rows that somebody has filled in are right; the others are passed over."""
    formset.is_valid()
    return not formset.non_form_errors() and all(not form.errors for form in formset.filled)


def _saved(
    request: PageRequest, form: ScopedBudgetForm, formset: ThresholdFormSet, stored: ScopedBudget | None
) -> Changed | None:
    """Save it, or say on the form why not and return None."""
    fields = form.budget_fields() | {"thresholds": formset.thresholds()}
    try:
        if stored is None:
            return create_scoped_budget(account=request.account, acting_user=request.user, **fields)
        return update_scoped_budget(
            budget_id=stored.pk, acting_user=request.user, version=form.cleaned_data["version"], **fields
        )
    except StaleScopedVersion as problem:
        form.add_error(None, ValidationError(str(problem), code=problem.code))
    except (ParentCurrencyDiffers, ParentNotFound, TooManyLevels) as problem:
        form.add_error("parent", str(problem))
    except BudgetProblem as problem:
        form.add_error(None, str(problem))
    except InvalidAmount as problem:
        # Its currency may have fewer decimals than were typed.
        form.add_error("amount", problem.message)
    except ValidationError as problem:
        _place(form, problem)
    return None


def _place(form: ScopedBudgetForm, problem: ValidationError) -> None:
    """Say each error at its field, those of fields that the form does not have above all."""
    for name, errors in problem.error_dict.items():
        field = _FIELDS.get(name, name)
        for error in errors:
            form.add_error(field if field in form.fields else None, error)


def _warnings_of(stored: ScopedBudget | None) -> list[str]:
    """Say before anything is changed what its maker was told when it was made."""
    if stored is None or stored.parent is None or stored.amount <= stored.parent.amount:
        return []
    return [f"It is larger than “{stored.parent.name}” above it: that one will be used up first."]


def _beginning(request: PageRequest, parents: list[tuple[Any, str, str]]) -> dict[str, Any]:
    """Begin with the first of this month, under the parent that the address names."""
    wanted = request.GET.get("parent", "")
    today = timezone.localdate()
    return {
        "start_date": today.replace(day=1),
        "parent": wanted if any(str(parent_id) == wanted for parent_id, _, _ in parents) else "",
    }


def _blank() -> dict[str, Any]:
    return {"action": "notify"}
