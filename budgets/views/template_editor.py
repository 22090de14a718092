"""Making and changing a template. Rows are added, moved and taken out by buttons that store nothing; saving does."""

import re
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from budgets.forms.template import TemplateForm, TemplateLineFormSet, lines_formset, sent_rows, stored_rows
from budgets.models import BudgetTemplate, Category, TemplateBasis
from budgets.services.problems import BudgetProblem
from budgets.services.template import (
    MAX_LINES,
    CurrencyNeeded,
    TemplateChanged,
    TemplateExists,
    TemplateLineRefused,
    create_template,
    update_template,
)
from budgets.services.template_use import template_lines
from budgets.views.template import template_or_404
from budgetsite.pages.access import PageRequest, page

BLANK_ROWS = 3
_STEP = re.compile(r"(add|up|down|remove)(?:-([0-9]{1,4}))?", re.ASCII)


@page("templates.change")
@require_http_methods(["GET", "HEAD", "POST"])
def template_create(request: PageRequest) -> HttpResponse:
    form = TemplateForm(
        request.POST if request.method == "POST" else None, initial={"currency": request.account.currency}
    )
    return _editor(request, form, None, rows=[_blank() for _ in range(BLANK_ROWS)])


@page("templates.change")
@require_http_methods(["GET", "HEAD", "POST"])
def template_edit(request: PageRequest, template_id: UUID) -> HttpResponse:
    template = template_or_404(template_id)
    form = TemplateForm(request.POST if request.method == "POST" else None, template=template)
    rows = stored_rows(template_lines(template), template.currency)
    return _editor(request, form, template, rows=[*rows, _blank()])


def _editor(
    request: PageRequest, form: TemplateForm, template: BudgetTemplate | None, *, rows: list[dict[str, Any]]
) -> HttpResponse:
    categories = list(Category.objects.order_by("sort_order", "name", "id"))
    context: dict[str, Any] = {
        "template": template,
        "form": form,
        "cancel_url": reverse("budgets:template", args=[template.pk]) if template else reverse("budgets:templates"),
    }
    if request.method != "POST":
        context["formset"] = lines_formset(categories=categories, rows=rows)
        return render(request, "budgets/template_form.html", context)
    step = _STEP.fullmatch(request.POST.get("step", ""))
    if step is not None:
        # Nothing is judged yet: what was typed is shown again, in its new order.
        context["form"] = TemplateForm(initial=request.POST.dict(), template=template)
        rows, place = _stepped(sent_rows(request.POST), step[1], int(step[2] or 0))
        context["formset"] = formset = lines_formset(categories=categories, rows=rows)
        context["focus"] = _focus(step[1], place, last=len(rows) - 1)
        if step[1] == "add":
            formset.forms[place].fields["name"].widget.attrs["autofocus"] = True
        return render(request, "budgets/template_form.html", context)
    formset = lines_formset(categories=categories, data=request.POST)
    context["formset"] = formset
    # Both are judged, so that everything wrong is said at once.
    if all([form.is_valid(), formset.is_valid()]):
        stored = _save(request, form, formset, template)
        if stored is not None:
            messages.success(request, f"The template “{stored.name}” is saved.")
            return redirect("budgets:template", stored.pk)
    context["wrong_lines"] = [place for place, row in enumerate(formset.forms) if row.errors]
    context["changed_meanwhile"] = template is not None and form.has_error(NON_FIELD_ERRORS, "template_changed")
    return render(request, "budgets/template_form.html", context, status=409 if context["changed_meanwhile"] else 422)


def _save(
    request: PageRequest, form: TemplateForm, formset: TemplateLineFormSet, template: BudgetTemplate | None
) -> BudgetTemplate | None:
    """Save it, or say on the form why not and return None."""
    head = {name: form.cleaned_data[name] for name in ("name", "description", "currency")}
    lines = [row.line_fields() for row in formset.filled]
    try:
        if template is None:
            return create_template(acting_user=request.user, lines=lines, **head)
        return update_template(
            template_id=template.pk,
            acting_user=request.user,
            now=timezone.now(),
            lines=lines,
            read_at=form.cleaned_data["read_at"],
            **head,
        )
    except TemplateLineRefused as problem:
        row = formset.filled[problem.position]
        # A line that is gone is about no field that one can see.
        row.add_error(None if problem.field == "id" else problem.field, str(problem))
    except TemplateExists as problem:
        form.add_error("name", str(problem))
    except CurrencyNeeded as problem:
        form.add_error("currency", str(problem))
    except TemplateChanged as problem:
        form.add_error(None, ValidationError(str(problem), code=problem.code))
    except BudgetProblem as problem:
        form.add_error(None, str(problem))
    except ValidationError as problem:
        form.add_error(None, problem.messages)
    return None


def _stepped(rows: list[dict[str, Any]], step: str, place: int) -> tuple[list[dict[str, Any]], int]:
    """Return the rows after one step, and the row that it was about."""
    if step == "add":
        return ([*rows, _blank()] if len(rows) < MAX_LINES else rows), min(len(rows), MAX_LINES - 1)
    if not place < len(rows):
        return rows, 0
    if step == "remove":
        rest = rows[:place] + rows[place + 1 :]
        return rest or [_blank()], min(place, max(len(rest) - 1, 0))
    to = place - 1 if step == "up" else place + 1
    if 0 <= to < len(rows):
        rows[place], rows[to] = rows[to], rows[place]
        return rows, to
    return rows, place


def _focus(step: str, place: int, *, last: int) -> tuple[str, int]:
    """Return the button that is to have the focus: the one that was pressed, or its neighbour where it is off now."""
    if step == "up" and place == 0:
        step = "down"
    elif step == "down" and place == last:
        step = "up"
    return step, place


def _blank() -> dict[str, Any]:
    return {"basis": TemplateBasis.AMOUNT, "kind": "cost"}
