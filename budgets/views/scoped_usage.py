"""What was spent from a scoped budget: recorded by hand, taken back, listed; what is held there, released."""

from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from budgets.forms.scoped_lists import EntriesFilterForm
from budgets.forms.scoped_usage import TakeBackForm, UsageForm
from budgets.models import EntryKind, EntrySource, LedgerEntry
from budgets.selectors.scoped_entries import counting_in, entries_in
from budgets.selectors.scoped_page import taken_back
from budgets.selectors.scoped_windows import WINDOWS_PER_PAGE, window_on, windows_page
from budgets.services.hierarchy import ChainBudget
from budgets.services.problems import BudgetProblem
from budgets.services.reservation import release_reservation
from budgets.services.scoped_problems import NoRoom
from budgets.services.usage import Recorded, record_usage, reverse_usage
from budgets.services.windows import OutsideCalendar, first_moment
from budgets.views.scoped_page import ScopedPage, scoped_context, scoped_page_or_404
from budgets.views.scoped_words import window_in_words
from budgetsite.money.amounts import InvalidAmount
from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.amounts import format_amount, format_usage
from budgetsite.pages.keyset import keyset_page
from budgetsite.tenancy.scope import deleted_rows_visible

METHODS = ["GET", "HEAD", "POST"]


@page("scoped_budgets.record")
@require_http_methods(METHODS)
def company_usage_new(request: PageRequest, budget_id: UUID) -> HttpResponse:
    shown = scoped_page_or_404(budget_id)
    form = UsageForm(
        request.POST if request.method == "POST" else None,
        currency=shown.budget.currency,
        timezone=shown.budget.timezone,
        now=timezone.now(),
    )
    if form.is_bound and form.is_valid():
        recorded = _recorded(request, shown.budget, form)
        if recorded is not None:
            _tell(request, shown.budget, recorded)
            return redirect("budgets:company_budget", budget_id)
    context = scoped_context(request, shown) | {"form": form, "tightest": shown.tightest_above}
    return render(request, "budgets/company/usage_form.html", context, status=422 if form.is_bound else 200)


@page("scoped_budgets.record")
@require_http_methods(METHODS)
def company_usage_take_back(request: PageRequest, budget_id: UUID, entry_id: UUID) -> HttpResponse:
    shown = scoped_page_or_404(budget_id)
    entry = LedgerEntry.objects.filter(scoped_budget_id=budget_id, pk=entry_id).select_related("actor").first()
    if entry is None:
        raise Http404
    form = TakeBackForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            reverse_usage(
                budget_id=budget_id,
                entry_id=entry_id,
                acting_user=request.user,
                now=timezone.now(),
                reason=form.cleaned_data["reason"],
            )
        except BudgetProblem as problem:
            messages.error(request, str(problem))
        else:
            amount = format_usage(abs(entry.actual_delta), entry.currency)
            messages.success(request, f"{amount} {entry.currency} are taken back.")
        return redirect("budgets:company_entries", budget_id)
    context = scoped_context(request, shown) | {
        "entry": entry,
        "form": form,
        "is_correction": entry.kind == EntryKind.ADJUST,
        "confirm_title": "Take this entry back?",
        "confirm_label": "Take it back",
        "cancel_url": reverse("budgets:company_entries", args=[budget_id]),
    }
    return render(request, "budgets/company/take_back.html", context, status=422 if form.is_bound else 200)


@page("scoped_budgets.view")
@require_safe
def company_entries(request: PageRequest, budget_id: UUID) -> HttpResponse:
    """Everything that counts in a budget: its own usage, that of budgets below, and of events that these pay for."""
    shown = scoped_page_or_404(budget_id)
    form = _filter_form(request, shown)
    form.is_valid()
    since, until, within = _bounds(shown.budget, form.cleaned_data)
    source = form.cleaned_data.get("source", "")
    counting = counting_in(budget_id)
    with deleted_rows_visible():
        entries = entries_in(counting, since=since, until=until, source=source)
        found = keyset_page(request, entries, by="occurred_at")
    gone = taken_back([entry.pk for entry in found.rows if entry.scoped_budget_id], counting.scoped_budget_ids)
    context = scoped_context(request, shown, current="company_entries") | {
        "form": form,
        "rows": [(entry, str(entry.pk) in gone) for entry in found.rows],
        "newer_url": found.newer_url,
        "older_url": found.older_url,
        "within": within,
        "is_filtered": bool(since or until or source),
    }
    return render(request, "budgets/company/entries.html", context)


@page("scoped_budgets.reserve")
@require_POST
def company_reservation_release(request: PageRequest, budget_id: UUID, reservation_id: UUID) -> HttpResponse:
    """Frees what is held, at one press. `back` is the budget whose page shows it: this one, or one above."""
    try:
        reservation = release_reservation(budget_id=budget_id, reservation_id=reservation_id, now=timezone.now())
    except BudgetProblem as problem:
        if problem.code == "reservation_not_found":
            raise Http404 from problem
        messages.error(request, str(problem))
    else:
        # Of what was settled in part only the rest was still held.
        amount = format_usage(max(reservation.amount - reservation.settled_amount, Decimal(0)), reservation.currency)
        messages.success(request, f"{amount} {reservation.currency} are no longer reserved.")
    return redirect("budgets:company_budget", _back(request) or budget_id)


def _recorded(request: PageRequest, budget: ChainBudget, form: UsageForm) -> Recorded | None:
    """Record it, or say on the form why not and return None."""
    values = form.cleaned_data
    try:
        return record_usage(
            budget_id=budget.id,
            amount=values["amount"],
            currency=budget.currency,
            source=EntrySource.MANUAL,
            acting_user=request.user,
            now=timezone.now(),
            timestamp=values["when"],
            description=values["description"],
            metadata=values["metadata"],
            enforce=values["only_if_it_fits"],
            idempotency_key=f"page:{values['key']}",
        )
    except NoRoom as problem:
        for refusal in problem.refusals:
            form.add_error("amount", refusal.reason)
    except InvalidAmount as problem:
        form.add_error("amount", problem.message)
    except OutsideCalendar:
        form.add_error("when", "The budget’s periods don’t reach that far. Give another day.")
    except BudgetProblem as problem:
        form.add_error(None, str(problem))
    return None


def _tell(request: PageRequest, budget: ChainBudget, recorded: Recorded) -> None:
    amount = f"{format_amount(recorded.entry.actual_delta, budget.currency)} {budget.currency}"
    if recorded.repeated:
        messages.info(request, f"{amount} had been recorded already: nothing was recorded again.")
        return
    messages.success(request, f"{amount} recorded in “{budget.name}”.")
    if recorded.outside:
        messages.warning(request, f"“{budget.name}” is not in force on that day: it counts in the period of that day.")
    over = [one for one in recorded.counted if one.after is not None and one.after.remaining < 0]
    if over:
        names = ", ".join(
            f"“{one.budget.name}” by {format_amount(-one.after.remaining, budget.currency)}"
            for one in over
            if one.after is not None
        )
        messages.warning(request, f"Over now: {names}.")


def _filter_form(request: PageRequest, shown: ScopedPage) -> EntriesFilterForm:
    """Offer the last periods, and the one that the address asks for."""
    windows = [one.window for one in windows_page(shown.standing, size=WINDOWS_PER_PAGE).rows]
    asked = _asked_window(shown.budget, request.GET.get("window", ""))
    if asked is not None and asked not in windows:
        windows.append(asked)
    return EntriesFilterForm(request.GET, windows=[(window.first_day, window_in_words(window)) for window in windows])


def _asked_window(budget: ChainBudget, text: str) -> Any:
    try:
        window = window_on(budget, date.fromisoformat(text))
    except (ValueError, OverflowError):
        return None
    return window if window.first_day.isoformat() == text else None


def _bounds(budget: ChainBudget, values: dict[str, Any]) -> tuple[datetime | None, datetime | None, str]:
    """Return since, until, and the words for it; a month goes before a window."""
    month, day = values.get("month"), values.get("window")
    if month is not None:
        following = month.replace(year=month.year + month.month // 12, month=month.month % 12 + 1)
        words = date_format(month, "F Y")
        return first_moment(month, budget.timezone), first_moment(following, budget.timezone), words
    if day is not None:
        window = window_on(budget, day)
        return window.start, window.end, window_in_words(window)
    return None, None, ""


def _back(request: PageRequest) -> UUID | None:
    try:
        return UUID(request.POST.get("back", ""))
    except ValueError:
        return None
