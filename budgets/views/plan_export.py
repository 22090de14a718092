"""The plan as a file to keep, and the choice of its format."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import get_language
from django.views.decorators.http import require_safe

from budgets.services.plan_export import PlanFormat, export_plan
from budgets.services.plan_pdf import PDF, Audience, audience_of, print_plan
from budgets.views.event_budget import budget_or_404
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.downloads import download


@page()
@require_safe
def budget_export(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    wanted = request.GET.get("format", PlanFormat.CSV.value)
    audience = request.GET.get("audience")
    if wanted not in {*PlanFormat.values, PDF} or audience not in {None, *Audience.values}:
        return render(request, "budgets/export.html", {"budget": budget, "event": budget.event}, status=400)
    if wanted == PDF:
        file = print_plan(
            budget_id,
            audience=audience_of(request.role, wanted=audience),
            language=get_language() or "en",
            now=timezone.now(),
        )
    else:
        file = export_plan(
            budget, plan_format=PlanFormat(wanted), with_internals=may(request.role, "budgets.view_internals")
        )
    return download(file.content, filename=file.filename, content_type=file.content_type)
