"""Templates of plans: the list, one with what it comes to, the way to an event's budget, deleting and restoring."""

from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from budgets.forms.template import PreviewForm
from budgets.models import BudgetTemplate
from budgets.selectors.templates import events_without_budget, templates_by_name
from budgets.services.problems import BudgetProblem
from budgets.services.template import delete_template, restore_template
from budgets.services.template_use import (
    TemplateExceedsTotal,
    TotalNeeded,
    lines_from_template,
    template_lines,
)
from budgets.views.plan_preview import PlanPreview, preview_of_template
from budgetsite.accounts.permissions import may
from budgetsite.money.amounts import InvalidAmount
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.pages.keyset import keyset_page
from budgetsite.tenancy.scope import deleted_rows_visible
from events.models import Event


def template_or_404(template_id: UUID) -> Any:
    """Return a template of `templates_by_name`."""
    template = templates_by_name().filter(pk=template_id).first()
    if template is None:
        raise Http404
    return template


@page("templates.view")
@require_http_methods(["GET", "HEAD"])
def templates(request: PageRequest) -> HttpResponse:
    shown = keyset_page(request, templates_by_name(), by="updated_at")
    context = {
        "templates": shown.rows,
        "newer_url": shown.newer_url,
        "older_url": shown.older_url,
        "may_change": may(request.role, "templates.change"),
    }
    return render(request, "budgets/templates.html", context)


@page("templates.view")
@require_http_methods(["GET", "HEAD"])
def template_detail(request: PageRequest, template_id: UUID) -> HttpResponse:
    template = template_or_404(template_id)
    currency = template.currency or request.account.currency
    lines = template_lines(template)
    asked = "total" in request.GET or "guests" in request.GET
    form = PreviewForm(request.GET if asked else None, currency=currency, asks_for_guests=template.per_head_count > 0)
    preview = _preview(template, lines, form, currency) if asked and form.is_valid() else None
    context = {
        "template": template,
        "lines": lines,
        "currency": currency,
        "form": form,
        "preview": preview,
        "may_change": may(request.role, "templates.change"),
        "events": events_without_budget(**visible(request)) if may(request.role, "budgets.change") else [],
    }
    return render(request, "budgets/template.html", context, status=422 if asked and form.errors else 200)


def _preview(template: BudgetTemplate, lines: list[Any], form: PreviewForm, currency: str) -> PlanPreview | None:
    total, guests = form.cleaned_data["total"], form.cleaned_data.get("guests")
    try:
        planned = lines_from_template(template, total=total, expected_guests=guests, currency=currency, lines=lines)
    except (BudgetProblem, InvalidAmount) as problem:
        at_total = isinstance(problem, (TotalNeeded, TemplateExceedsTotal, InvalidAmount))
        needs_guests = getattr(problem, "code", "") == "guests_needed"
        text = "It has amounts per guest: say how many guests to count with." if needs_guests else str(problem)
        form.add_error("guests" if needs_guests else "total" if at_total else None, text)
        return None
    return preview_of_template(planned, total=total, currency=currency)


@page("budgets.change")
@require_http_methods(["GET", "HEAD"])
def template_use(request: PageRequest, template_id: UUID) -> HttpResponse:
    """Lead on to opening the chosen event's budget with this template."""
    template = template_or_404(template_id)
    try:
        event_id = UUID(request.GET.get("event", ""))
    except ValueError:
        messages.error(request, "Choose the event first.")
        return redirect("budgets:template", template.pk)
    event = get_object_or_404(Event.objects.visible_to(**visible(request)), pk=event_id)
    return redirect(f"{reverse('budgets:create', args=[event.pk])}?{urlencode({'template': template.pk})}")


@page("templates.change")
@require_http_methods(["GET", "HEAD", "POST"])
def template_delete(request: PageRequest, template_id: UUID) -> HttpResponse:
    template = template_or_404(template_id)
    if request.method == "POST":
        delete_template(template_id=template.pk, acting_user=request.user, now=timezone.now())
        undo = reverse("budgets:template_restore", args=[template.pk])
        messages.success(request, f"The template “{template.name}” is deleted.", extra_tags=undo)
        return redirect("budgets:templates")
    context = {
        "template": template,
        "confirm_title": f"Delete the template “{template.name}”?",
        "confirm_label": "Delete the template",
        "confirm_tone": "danger",
        "cancel_url": reverse("budgets:template", args=[template.pk]),
    }
    return render(request, "budgets/template_delete.html", context)


@page("templates.change")
@require_POST
def template_restore(request: PageRequest, template_id: UUID) -> HttpResponse:
    with deleted_rows_visible():
        template = get_object_or_404(BudgetTemplate.objects.all(), pk=template_id)
    try:
        restore_template(template=template, acting_user=request.user)
    except BudgetProblem as problem:
        messages.error(request, str(problem))
        return redirect("budgets:templates")
    messages.success(request, "The template is back, with its lines.")
    return redirect("budgets:template", template.pk)
