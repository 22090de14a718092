"""Saving a budget's plan as a template."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from budgets.forms.template import SaveAsTemplateForm
from budgets.models import EventBudget, TemplateBasis
from budgets.selectors.event_budgets import lines_in_order
from budgets.services.problems import BudgetProblem
from budgets.services.template import TemplateExists
from budgets.services.template_from_budget import (
    GuestsUnknown,
    NothingToShare,
    ShareTooLarge,
    save_budget_as_template,
)
from budgets.views.event_budget import budget_or_404
from budgetsite.pages.access import PageRequest, page

# Longer plans are kept in one way throughout; single lines are changed in the template.
LINES_TO_CHOOSE_FOR = 200


@page("templates.change")
@require_http_methods(["GET", "HEAD", "POST"])
def save_as_template(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    lines = list(lines_in_order(budget.pk))
    form = SaveAsTemplateForm(
        request.POST if request.method == "POST" else None,
        initial={"name": budget.event.name},
        lines=lines if len(lines) <= LINES_TO_CHOOSE_FOR else [],
    )
    context: dict[str, Any] = {
        "form": form,
        "budget": budget,
        "lines_count": len(lines),
        "cancel_url": reverse("budgets:detail", args=[budget.pk]),
    }
    if request.method != "POST":
        return render(request, "budgets/template_save.html", context)
    if form.is_valid():
        template_id = _save(request, form, budget, context)
        if template_id is not None:
            messages.success(request, "The template is saved. This is what it has.")
            return redirect("budgets:template", template_id)
    return render(request, "budgets/template_save.html", context, status=422)


def _save(request: PageRequest, form: SaveAsTemplateForm, budget: EventBudget, context: dict[str, Any]) -> UUID | None:
    """Save it and return its id, or say on the form why not."""
    try:
        return save_budget_as_template(
            budget_id=budget.pk,
            acting_user=request.user,
            name=form.cleaned_data["name"],
            description=form.cleaned_data["description"],
            basis=TemplateBasis(form.cleaned_data["basis"]),
            bases=form.bases(),
        ).pk
    except TemplateExists as problem:
        form.add_error("name", str(problem))
    except GuestsUnknown as problem:
        context["needs_guests"] = True
        form.add_error("basis", str(problem))
    except (NothingToShare, ShareTooLarge) as problem:
        form.add_error("basis", str(problem))
    except BudgetProblem as problem:
        form.add_error(None, str(problem))
    except ValidationError as problem:
        form.add_error(None, problem.messages)
    return None
