"""The quantities that lines of a plan follow: adding one, changing one, and what that does to the lines."""

from functools import partial
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from budgets.forms.driver import DriverForm
from budgets.models import EventBudget, PlanDriver
from budgets.selectors.driver_changes import driver_changes_since
from budgets.selectors.drivers import drivers_of
from budgets.services.driver import QuantityFollowsGuests, create_driver, delete_driver, update_driver
from budgets.services.driver_effects import DriverExists, DriverNameRefused, GuestsCounted, QuantityOutOfRange
from budgets.services.problems import BudgetProblem, DriverNotFound, LinesExceedTotal, StaleVersion
from budgets.views.event_budget import budget_or_404
from budgets.views.meanwhile import Meanwhile, merged, with_choices
from budgets.views.rights import rights_on
from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.amounts import format_quantity

FIXED = "The plan is fixed just now: quantities can be changed while the budget is a draft."

# What a refusal is about, where it is about one field.
_FIELDS: dict[type[BudgetProblem], str] = {
    DriverExists: "name",
    DriverNameRefused: "name",
    GuestsCounted: "follows_guests",
    QuantityFollowsGuests: "quantity",
    QuantityOutOfRange: "quantity",
    LinesExceedTotal: "quantity",
}


@page("budgets.change")
@require_http_methods(["GET", "HEAD", "POST"])
def driver_add(request: PageRequest, budget_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    if not rights_on(budget, request).plan:
        messages.error(request, FIXED)
        return redirect("budgets:detail", budget.pk)
    form = DriverForm(request.POST if request.method == "POST" else None, expected=budget.event.expected_guests)
    if request.method == "POST" and form.is_valid():
        try:
            driver = create_driver(budget_id=budget.pk, acting_user=request.user, **form.driver_fields())
        except BudgetProblem as problem:
            _refuse(form, problem)
        else:
            messages.success(
                request, f"{driver.name} added. Lines can follow it now: open one and choose its quantity."
            )
            return redirect(_panel(budget))
    return _answer(request, budget, None, form, status=422 if form.is_bound else 200)


@page("budgets.change")
@require_http_methods(["GET", "HEAD", "POST"])
def driver_edit(request: PageRequest, budget_id: UUID, driver_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    driver = _driver_or_404(budget, driver_id)
    if not rights_on(budget, request).plan:
        messages.error(request, FIXED)
        return redirect(_panel(budget))
    form_of = partial(DriverForm, driver=driver, expected=budget.event.expected_guests)
    if request.method != "POST":
        return _answer(request, budget, driver, form_of(None))
    form = form_of(with_choices(request.POST, form_of(None)))
    status, meanwhile = 422, None
    if form.is_valid():
        version = form.cleaned_data["version"] or 0
        try:
            saved = update_driver(
                budget_id=budget.pk,
                driver_id=driver.pk,
                version=version,
                acting_user=request.user,
                **form.driver_fields(),
            )
        except StaleVersion:
            status = 409
            changes = driver_changes_since(driver, version=version)
            merge, meanwhile = merged(request.POST, changes, currency=budget.currency, form=form_of)
            form = cast(DriverForm, merge)
        except DriverNotFound as problem:
            raise Http404 from problem
        except BudgetProblem as problem:
            _refuse(form, problem)
        else:
            messages.success(request, _what_followed(driver, saved))
            return redirect(_panel(budget))
    return _answer(request, budget, driver, form, status=status, meanwhile=meanwhile)


@page("budgets.change")
@require_POST
def driver_take_guests(request: PageRequest, budget_id: UUID, driver_id: UUID) -> HttpResponse:
    """Let the plan count the guests that the event expects by now."""
    budget = budget_or_404(request, budget_id)
    driver = _driver_or_404(budget, driver_id)
    try:
        saved = update_driver(
            budget_id=budget.pk,
            driver_id=driver.pk,
            version=budget.version,
            acting_user=request.user,
            quantity=budget.event.expected_guests,
        )
    except BudgetProblem as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, _what_followed(driver, saved))
    return redirect(_panel(budget))


@page("budgets.change")
@require_POST
def driver_remove(request: PageRequest, budget_id: UUID, driver_id: UUID) -> HttpResponse:
    budget = budget_or_404(request, budget_id)
    driver = _driver_or_404(budget, driver_id)
    try:
        delete_driver(budget_id=budget.pk, driver_id=driver.pk, acting_user=request.user, now=timezone.now())
    except BudgetProblem as problem:
        messages.error(request, str(problem))
    else:
        messages.success(request, f"{driver.name} removed.")
    return redirect(_panel(budget))


def _driver_or_404(budget: EventBudget, driver_id: UUID) -> PlanDriver:
    driver = drivers_of(budget.pk).filter(pk=driver_id).first()
    if driver is None:
        raise Http404
    return driver


def _panel(budget: EventBudget) -> str:
    return f"{reverse('budgets:detail', args=[budget.pk])}#quantities"


def _what_followed(before: PlanDriver, after: PlanDriver) -> str:
    if before.quantity == after.quantity:
        return f"{after.name} saved."
    lines: int = before.lines_count  # type: ignore[attr-defined]
    change = f"{after.name} changed from {format_quantity(before.quantity)} to {format_quantity(after.quantity)}."
    if not lines:
        return f"{change} No line follows it yet."
    return f"{change} {lines} line{'' if lines == 1 else 's'} followed."


def _refuse(form: DriverForm, problem: BudgetProblem) -> None:
    form.add_error(_FIELDS.get(type(problem)), str(problem))


def _answer(
    request: PageRequest,
    budget: EventBudget,
    driver: PlanDriver | None,
    form: DriverForm,
    *,
    status: int = 200,
    meanwhile: Meanwhile | None = None,
) -> HttpResponse:
    context = {"budget": budget, "event": budget.event, "driver": driver, "form": form, "meanwhile": meanwhile}
    return render(request, "budgets/driver_form.html", context, status=status)
