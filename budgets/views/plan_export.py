"""The plan as a file to keep, and the choice of its format."""

from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from budgets.services.plan_export import PlanFormat, export_plan
from budgets.views.event_budget import budget_or_404
from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.downloads import download


@page()
@require_safe
def budget_export(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    wanted = request.GET.get("format", PlanFormat.CSV.value)
    if wanted not in PlanFormat.values:
        return render(request, "budgets/export.html", {"budget": budget, "event": budget.event}, status=400)
    file = export_plan(budget, plan_format=PlanFormat(wanted))
    return download(file.content, filename=file.filename, content_type=file.content_type)
