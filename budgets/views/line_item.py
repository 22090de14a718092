"""The lines of a budget: a row to read or to edit, in place with htmx and on a page of its own without."""

from dataclasses import dataclass
from functools import partial
from typing import Any, cast
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from budgets.forms.line_item import PLAN_FIELDS, LineItemForm
from budgets.models import BudgetLineItem, Category, EventBudget, LineKind
from budgets.selectors.budget_page import (
    INCOME,
    group_of_line,
    key_of_group,
    order_after_move,
    page_of_line,
    plan_page,
)
from budgets.selectors.drivers import drivers_of
from budgets.selectors.last_year import last_year_of
from budgets.selectors.line_changes import changes_since
from budgets.services.categories import LEFT_OVER
from budgets.services.line_item import (
    add_line_item,
    delete_line_item,
    reorder_line_items,
    restore_line_item,
    update_line_item,
)
from budgets.services.problems import (
    BudgetProblem,
    LineHasCommitments,
    LineNotFound,
    LinesExceedTotal,
    StaleVersion,
)
from budgets.views.event_budget import budget_or_404
from budgets.views.meanwhile import Meanwhile, in_words, merged, with_choices
from budgets.views.page_parts import figures_context
from budgets.views.rights import rights_on
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.tenancy.scope import deleted_rows_visible


@dataclass(slots=True)
class Answer:
    """How a form comes back: what is wrong with it, or what someone else changed meanwhile."""

    form: LineItemForm
    status: int = 200
    meanwhile: Meanwhile | None = None


@page()
@require_safe
def line_detail(request: PageRequest, budget_id: UUID, line_item_id: UUID) -> HttpResponse:
    """The row for reading: what Cancel brings back."""
    budget = budget_or_404(request, budget_id)
    line = _line_or_404(budget, line_item_id)
    if not request.htmx:
        return redirect(_address(budget, line))
    return render(request, "budgets/parts/row.html", _row_context(request, budget, line))


@page("budgets.change")
@require_http_methods(["GET", "HEAD", "POST"])
def line_edit(request: PageRequest, budget_id: UUID, line_item_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    line = _line_or_404(budget, line_item_id)
    rights = rights_on(budget, request)
    form_of = _forms_of(budget, line, plan_open=rights.plan)
    if request.method != "POST":
        return _form_answer(request, budget, line, Answer(form_of(None)))
    data = with_choices(request.POST, form_of(None))
    sent = _version_sent(request) or 0
    if line.version > sent:
        if not _was_only_moved(line, sent):
            # What was typed beside values that are gone need not be right beside those of now.
            return _form_answer(request, budget, line, _stale(request, budget, line, rights.plan))
        data = data.copy()
        data["version"] = str(line.version)
    form = form_of(data)
    if not form.is_valid():
        return _form_answer(request, budget, line, Answer(form, 422))
    try:
        saved = update_line_item(
            budget_id=budget.pk,
            line_item_id=line.pk,
            version=form.cleaned_data["version"] or 0,
            actual_read=form.cleaned_data["actual_read"] if form.changes_actual else None,
            acting_user=request.user,
            **form.line_fields(),
        )
    except StaleVersion:
        line = _line_or_404(budget, line_item_id)
        return _form_answer(request, budget, line, _stale(request, budget, line, rights.plan))
    except LineNotFound as problem:
        raise Http404 from problem
    except BudgetProblem as problem:
        return _form_answer(request, budget, line, _refused(form, problem))
    messages.success(request, f"“{saved.name}” saved.")
    if not rights.plan and _plan_was_typed(request.POST, form_of):
        messages.warning(request, f"The plan is fixed by now: of “{saved.name}” only the actual amount was saved.")
    if not request.htmx:
        return redirect(_address(budget, saved))
    if saved.category_id != line.category_id and not saved.is_income:
        return _whole_table(request, budget, focus=saved)
    return _row_answer(request, budget, saved)


@page("budgets.change")
@require_http_methods(["GET", "HEAD", "POST"])
def line_add(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    rights = rights_on(budget, request)
    if not rights.plan:
        messages.error(request, "The plan is fixed just now: lines can be added while the budget is a draft.")
        return _to_page(request, budget)
    group = _group_named(request)
    kind = LineKind.INCOME if group == INCOME else LineKind.COST
    categories = _categories()
    form = LineItemForm(
        request.POST if request.method == "POST" else None,
        budget=budget,
        categories=categories,
        drivers=list(drivers_of(budget.pk)),
        kind=kind,
        # Income seldom has a category of its own.
        initial={"category": _left_over(categories) if group == INCOME else group},
        auto_id=f"line-new-{group or 'any'}-%s",
    )
    if request.method != "POST":
        return _form_answer(request, budget, None, Answer(form), group=group)
    if not form.is_valid():
        return _form_answer(request, budget, None, Answer(form, 422), group=group)
    try:
        line = add_line_item(budget_id=budget.pk, acting_user=request.user, kind=kind, **form.line_fields())
    except BudgetProblem as problem:
        return _form_answer(request, budget, None, _refused(form, problem), group=group)
    messages.success(request, f"“{line.name}” added.")
    if not request.htmx:
        return redirect(_address(budget, line))
    # The first line of income also brings the section that it stands in.
    if key_of_group(line) != group or line.is_income:
        return _whole_table(request, budget, focus=line)
    return _row_answer(request, budget, line, is_new=True)


@page()
@require_safe
def line_add_cancel(request: PageRequest, budget_id: UUID) -> HttpResponse:
    """The place where a new line's row opens, closed again."""
    budget = budget_or_404(request, budget_id)
    if not request.htmx:
        return redirect("budgets:detail", budget.pk)
    return render(request, "budgets/parts/new_row.html", {"key": _group_named(request) or "any"})


@page("budgets.change")
@require_POST
def line_move(request: PageRequest, budget_id: UUID, line_item_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    line = _line_or_404(budget, line_item_id)
    order = order_after_move(budget.pk, line, up=request.POST.get("direction") == "up")
    try:
        # The order is of the lines as they were read just now, which have to be the same still.
        reorder_line_items(budget_id=budget.pk, line_item_ids=order, version=budget.version, acting_user=request.user)
    except StaleVersion:
        messages.warning(request, "Someone else changed the plan at this moment. Here it is: move the line again.")
    except BudgetProblem as problem:
        messages.error(request, str(problem))
    if not request.htmx:
        return redirect(_address(budget, line))
    budget = _again(request, budget)
    plan = plan_page(budget, number=_shown_page(request), last_year=last_year_of(budget, **visible(request)))
    group = plan.group(key_of_group(line))
    if group is None:
        return _whole_table(request, budget, focus=line)
    response = render(request, "budgets/parts/group_answer.html", figures_context(request, budget) | {"group": group})
    return _aimed(response, f"#group-{group.key}", "outerHTML")


@page("budgets.change")
@require_POST
def line_remove(request: PageRequest, budget_id: UUID, line_item_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    line = _line_or_404(budget, line_item_id)
    version = _version_sent(request)
    if version is not None and line.version > version and _was_only_moved(line, version):
        version = line.version
    try:
        delete_line_item(
            budget_id=budget.pk,
            line_item_id=line.pk,
            version=version,
            acting_user=request.user,
            now=timezone.now(),
        )
    except StaleVersion:
        messages.warning(request, _changed_before_removal(budget, line, version or 0))
        return _to_page(request, budget)
    except LineHasCommitments as problem:
        messages.error(request, f"“{line.name}” was not removed. {problem}")
        return _to_page(request, budget)
    except BudgetProblem as problem:
        messages.error(request, str(problem))
        return _to_page(request, budget)
    undo = reverse("budgets:line_restore", args=[budget.pk, line.pk])
    messages.success(request, f"“{line.name}” removed.", extra_tags=undo)
    if not request.htmx:
        return redirect("budgets:detail", budget.pk)
    return _whole_table(request, budget)


@page("budgets.change")
@require_POST
def line_restore(request: PageRequest, budget_id: UUID, line_item_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    with deleted_rows_visible():
        line = _line_or_404(budget, line_item_id)
    try:
        restore_line_item(line=line, acting_user=request.user)
    except BudgetProblem as problem:
        messages.error(request, f"“{line.name}” was not brought back. {problem}")
        return redirect("budgets:detail", budget.pk)
    messages.success(request, f"“{line.name}” is back.")
    return redirect(_address(budget, line))


def _line_or_404(budget: EventBudget, line_item_id: UUID) -> BudgetLineItem:
    line: BudgetLineItem | None = (
        BudgetLineItem.objects.filter(pk=line_item_id, budget=budget).select_related("category").first()
    )
    if line is None:
        raise Http404
    return line


def _categories() -> list[Category]:
    return list(Category.objects.order_by("sort_order", "name", "id"))


def _left_over(categories: list[Category]) -> str:
    """Return the category of what fits none: the one called so wherever it stands, otherwise the last."""
    called = [category for category in categories if category.name == LEFT_OVER]
    return "".join(str(category.pk) for category in (called or categories)[-1:])


def _forms_of(budget: EventBudget, line: BudgetLineItem, *, plan_open: bool) -> "partial[LineItemForm]":
    """Return what makes this line's form: of what was sent, or of what is stored (None)."""
    return partial(
        LineItemForm,
        budget=budget,
        categories=_categories(),
        drivers=list(drivers_of(budget.pk)),
        line=line,
        plan_open=plan_open,
    )


def _plan_was_typed(data: QueryDict, form_of: "partial[LineItemForm]") -> bool:
    """Whether someone who had the plan open for changes made some, which were not saved."""
    form = form_of(data, plan_open=True)
    return any(name in data and name in PLAN_FIELDS for name in form.changed_data)


def _group_named(request: PageRequest) -> str:
    """The group that the row for a new line stands in: a category, income; empty where the reader chooses one."""
    named = request.GET.get("category", "")
    if named == INCOME:
        return INCOME
    try:
        return str(UUID(named))
    except ValueError:
        return ""


def _version_sent(request: PageRequest) -> int | None:
    text = request.POST.get("version", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else None


def _was_only_moved(line: BudgetLineItem, version: int) -> bool:
    """Whether nothing but its place changed since `version`: the next line's move may number a whole plan anew."""
    changes = changes_since(line, version=version, actual_read=None)
    return bool(changes) and all(change.name == "sort_order" for change in changes)


def _changed_before_removal(budget: EventBudget, line: BudgetLineItem, version: int) -> str:
    """Say what became of a line since the page that asks to remove it was read."""
    changes = changes_since(line, version=version, actual_read=None)
    by = next((change.by for change in changes), None) or "Someone else"
    told = in_words(changes, budget.currency) or "it stands elsewhere in the plan"
    return f"“{line.name}” was not removed: {by} changed it meanwhile ({told}). Remove it again if it still should go."


def _address(budget: EventBudget, line: BudgetLineItem) -> str:
    number = page_of_line(budget, line.pk)
    query = f"?page={number}" if number > 1 else ""
    return f"{reverse('budgets:detail', args=[budget.pk])}{query}#line-{line.pk}"


def _refused(form: LineItemForm, problem: BudgetProblem) -> Answer:
    """Put a refusal where it belongs: an amount that does not fit stands at the amount."""
    at_amount = isinstance(problem, LinesExceedTotal) and "budgeted_amount" in form.fields
    form.add_error("budgeted_amount" if at_amount else None, str(problem))
    return Answer(form, 422 if at_amount else 409)


def _stale(request: PageRequest, budget: EventBudget, line: BudgetLineItem, plan_open: bool) -> Answer:
    """Keep what was typed, take over what only the other person changed, and ask where both did."""
    form_of = _forms_of(budget, line, plan_open=plan_open)
    sent = form_of(request.POST)
    sent.is_valid()
    changes = changes_since(
        line, version=sent.cleaned_data.get("version") or 0, actual_read=sent.cleaned_data.get("actual_read")
    )
    form, meanwhile = merged(request.POST, changes, currency=budget.currency, form=form_of)
    return Answer(cast(LineItemForm, form), 409, meanwhile)


def _form_answer(
    request: PageRequest, budget: EventBudget, line: BudgetLineItem | None, answer: Answer, *, group: str = ""
) -> HttpResponse:
    if line is None:
        query = f"?category={group}" if group else ""
        save_url = reverse("budgets:line_add", args=[budget.pk]) + query
        cancel_url = reverse("budgets:line_add_cancel", args=[budget.pk]) + query
    else:
        save_url = reverse("budgets:line_edit", args=[budget.pk, line.pk])
        cancel_url = reverse("budgets:line", args=[budget.pk, line.pk])
    context = _row_context(request, budget, line) | {
        "form": answer.form,
        "meanwhile": answer.meanwhile,
        "save_url": save_url,
        "cancel_url": cancel_url,
        "new_key": f"new-{group or 'any'}",
    }
    template = "budgets/parts/row_form.html" if request.htmx else "budgets/line_form.html"
    return render(request, template, context, status=answer.status)


def _row_context(request: PageRequest, budget: EventBudget, line: BudgetLineItem | None) -> dict[str, Any]:
    context = figures_context(request, budget)
    if line is not None:
        group = group_of_line(budget, line, last_year=last_year_of(budget, **visible(request)))
        row = next((row for row in group.rows if row.line.pk == line.pk), None)
        context |= {"line": row.line if row else line, "group": group, "row": row}
    return context


def _again(request: PageRequest, budget: EventBudget) -> EventBudget:
    """The budget as it is after a change of its lines."""
    return budget_or_404(request, budget.pk)


def _row_answer(
    request: PageRequest, budget: EventBudget, line: BudgetLineItem, *, is_new: bool = False
) -> HttpResponse:
    """The saved row, and beside it every figure that moved with it."""
    context = _row_context(request, _again(request, budget), line) | {"is_new": is_new}
    if is_new:
        context["focus_line"] = line.pk
    return render(request, "budgets/parts/row_answer.html", context)


def _whole_table(request: PageRequest, budget: EventBudget, *, focus: BudgetLineItem | None = None) -> HttpResponse:
    budget = _again(request, budget)
    number = page_of_line(budget, focus.pk) if focus else _shown_page(request)
    plan = plan_page(budget, number=number, last_year=last_year_of(budget, **visible(request)))
    context = figures_context(request, budget, plan)
    context["focus_line"] = focus.pk if focus else None
    return _aimed(render(request, "budgets/parts/table_answer.html", context), "#plan", "outerHTML")


def _shown_page(request: PageRequest) -> int:
    """The page of lines that the reader has before them."""
    query = QueryDict(urlsplit(request.htmx.current_url_abs_path or "").query)
    digits = query.get("page", "")
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 6 else 1


def _to_page(request: PageRequest, budget: EventBudget) -> HttpResponse:
    if request.htmx:
        return _whole_table(request, budget)
    return redirect("budgets:detail", budget.pk)


def _aimed(response: HttpResponse, target: str, swap: str) -> HttpResponse:
    response["HX-Retarget"] = target
    response["HX-Reswap"] = swap
    return response
