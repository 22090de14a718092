"""Opening an event's budget: empty, from a template, or as a copy, with a look at the plan before it is stored."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from budgets.forms.budget_opening import COPY, EMPTY, TEMPLATE, OpeningForm
from budgets.models import EventBudget
from budgets.selectors.last_year import budgets_to_copy
from budgets.selectors.templates import templates_to_choose
from budgets.services.budget_copy import CopyExceedsTotal, CopyInOtherCurrency, copy_budget, look_at_copy
from budgets.services.event_budget import create_event_budget
from budgets.services.problems import BudgetExists, BudgetProblem
from budgets.services.template_use import (
    GuestsNeeded,
    TemplateExceedsTotal,
    TotalNeeded,
    lines_from_template,
    open_budget_from_template,
)
from budgets.views.plan_preview import PlanPreview, preview_of_copy, preview_of_template
from budgetsite.accounts.permissions import may
from budgetsite.money.amounts import InvalidAmount
from budgetsite.pages.access import PageRequest, page, visible
from events.models import Event

# Where on the form a refusal stands; the others stand at the choice that was made.
_AT_TOTAL = (TotalNeeded, TemplateExceedsTotal, CopyExceedsTotal)


@page("budgets.change")
@require_http_methods(["GET", "HEAD", "POST"])
def budget_create(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = get_object_or_404(Event.objects.visible_to(**visible(request)), pk=event_id)
    form = OpeningForm(
        request.POST if request.method == "POST" else None,
        initial=_asked_for(request),
        templates=templates_to_choose() if may(request.role, "templates.view") else [],
        earlier=budgets_to_copy(event, **visible(request)),
        currency=event.currency,
    )
    context: dict[str, Any] = {
        "form": form,
        "event": event,
        "cancel_url": reverse("events:detail", args=[event.pk]),
    }
    if request.method != "POST":
        return render(request, "budgets/create.html", context)
    if form.is_valid():
        try:
            if "look" in request.POST:
                context["preview"] = _look(form, event)
                return render(request, "budgets/create.html", context)
            budget = _open(form, event, request)
        except BudgetExists as problem:
            messages.info(request, "This event has a budget already; here it is.")
            return redirect("budgets:detail", problem.budget_id)
        except (BudgetProblem, InvalidAmount) as problem:
            form.add_error(_field_of(problem, form), str(problem))
            context["needs_guests"] = isinstance(problem, GuestsNeeded)
        else:
            messages.success(request, _said(form))
            return redirect("budgets:detail", budget.pk)
    return render(request, "budgets/create.html", context, status=422)


def _asked_for(request: PageRequest) -> dict[str, str]:
    """Return what the address asks for: `?template=…` or `?copy_from=…`."""
    for start, name in ((TEMPLATE, "template"), (COPY, "copy_from")):
        if request.GET.get(name):
            return {"start": start, name: request.GET[name]}
    return {"start": EMPTY}


def _open(form: OpeningForm, event: Event, request: PageRequest) -> EventBudget:
    chosen = form.cleaned_data
    opening: dict[str, Any] = {
        "event": event,
        "acting_user": request.user,
        "total_budget_amount": chosen["total_budget_amount"],
        "notes": chosen["notes"],
    }
    if form.starts_with == TEMPLATE:
        return open_budget_from_template(template_id=UUID(chosen["template"]), **opening)
    if form.starts_with == COPY:
        source = UUID(chosen["copy_from"])
        return copy_budget(source_id=source, factor=chosen["factor"], basis=chosen["basis"], **opening)
    return create_event_budget(**opening)


def _look(form: OpeningForm, event: Event) -> PlanPreview | None:
    """Return the plan as it would be; of an empty one there is nothing to look at."""
    chosen = form.cleaned_data
    total = chosen["total_budget_amount"]
    if form.starts_with == TEMPLATE:
        planned = lines_from_template(
            form.templates[chosen["template"]],
            total=total,
            expected_guests=event.expected_guests,
            currency=event.currency,
        )
        return preview_of_template(planned, total=total, currency=event.currency)
    if form.starts_with == COPY:
        plan = look_at_copy(
            source=form.earlier[chosen["copy_from"]],
            event=event,
            factor=chosen["factor"],
            basis=chosen["basis"],
            total_budget_amount=total,
        )
        return preview_of_copy(plan, currency=event.currency)
    return None


def _field_of(problem: Exception, form: OpeningForm) -> str | None:
    if isinstance(problem, (*_AT_TOTAL, InvalidAmount)) or form.starts_with == EMPTY:
        return "total_budget_amount"
    if isinstance(problem, CopyInOtherCurrency) or form.starts_with == COPY:
        return "copy_from"
    return "template"


def _said(form: OpeningForm) -> str:
    if form.starts_with == EMPTY:
        return "Budget opened. Add its lines, then submit it for approval."
    return "Budget opened with its lines. Go through them, then submit it for approval."
