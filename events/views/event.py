"""Events: the list with the health of their budgets, one event, and making, changing, deleting, restoring one."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from budgets.models import BudgetStatus, EventBudget
from budgets.selectors.drivers import guests_apart
from budgets.selectors.event_list import NO_BUDGET, matching_events, with_budgets
from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page, visible
from budgetsite.pages.budget_tabs import budget_tabs
from budgetsite.pages.keyset import keyset_page
from budgetsite.tenancy.scope import deleted_rows_visible
from events.forms import EventFilterForm, EventForm
from events.models import Event
from events.selectors import event_for_page, people_of_account
from events.services import EventStays, create_event, delete_event, restore_event, update_event

EVENTS_PER_PAGE = 25


@page("events.view")
@require_safe
def event_list(request: PageRequest) -> HttpResponse:
    sees_money = may(request.role, "budgets.view")
    statuses = [*BudgetStatus.choices, (NO_BUDGET, "No budget yet")] if sees_money else []
    form = EventFilterForm(request.GET or None, statuses=statuses)
    events: QuerySet[Event] = Event.objects.visible_to(**visible(request)).select_related("venue")
    events = matching_events(events, now=timezone.now(), **form.narrowing())
    found = keyset_page(request, events, by="event_date", size=EVENTS_PER_PAGE)
    context = {
        "form": form,
        "rows": with_budgets(found.rows, **visible(request)),
        "newer_url": found.newer_url,
        "older_url": found.older_url,
        "narrowed": any(form.narrowing().values()),
        "sees_money": sees_money,
        "may_change": may(request.role, "events.change"),
        "may_import": may(request.role, "budgets.import"),
    }
    return render(request, "events/list.html", context)


@page("events.view")
@require_safe
def event_detail(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = _event_or_404(request, event_id)
    budget = with_budgets([event], **visible(request))[0].budget
    budget_id = budget.pk if budget is not None else None
    tabs = budget_tabs(budget_id=budget_id, event_id=event.pk, current="event", role=request.role)
    context = {
        "event": event,
        "budget": budget,
        "guests": guests_apart(budget) if budget is not None else None,
        # One tab alone leads nowhere.
        "tabs": tabs if len(tabs) > 1 else [],
        "sees_money": may(request.role, "budgets.view"),
        "may_change": may(request.role, "events.change"),
        "may_budget": may(request.role, "budgets.change"),
    }
    return render(request, "events/detail.html", context)


@page("events.change")
@require_http_methods(["GET", "HEAD", "POST"])
def event_create(request: PageRequest) -> HttpResponse:
    form = EventForm(
        request.POST if request.method == "POST" else None, account=request.account, members=people_of_account()
    )
    if request.method == "POST" and form.is_valid():
        try:
            event = create_event(
                account=request.account, acting_user=request.user, **form.event_fields(now=timezone.now())
            )
        except ValidationError as error:
            _place(form, error)
        else:
            messages.success(request, f"{event.name} is there. Open its budget next.")
            return redirect("events:detail", event.pk)
    context = {"form": form, "cancel_url": reverse("events:list")}
    return render(request, "events/form.html", context, status=_status_of(request))


@page("events.change")
@require_http_methods(["GET", "HEAD", "POST"])
def event_edit(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = _event_or_404(request, event_id)
    form = EventForm(
        request.POST if request.method == "POST" else None,
        account=request.account,
        members=people_of_account(),
        event=event,
    )
    if EventBudget.objects.filter(event=event).exists():
        form.fix_currency()
    if request.method == "POST" and form.is_valid():
        try:
            update_event(event=event, acting_user=request.user, **form.event_fields(now=timezone.now()))
        except ValidationError as error:
            _place(form, error)
        else:
            messages.success(request, f"{event.name} saved.")
            return redirect("events:detail", event.pk)
    context = {"form": form, "event": event, "cancel_url": reverse("events:detail", args=[event.pk])}
    return render(request, "events/form.html", context, status=_status_of(request))


@page("events.change")
@require_http_methods(["GET", "HEAD", "POST"])
def event_delete(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = _event_or_404(request, event_id)
    if request.method == "POST":
        try:
            delete_event(event=event, acting_user=request.user, now=timezone.now())
        except EventStays as problem:
            messages.error(request, str(problem))
            return redirect("events:detail", event.pk)
        undo = reverse("events:restore", args=[event.pk]) if may(request.role, "events.restore") else ""
        messages.success(request, f"{event.name} is deleted.", extra_tags=undo)
        return redirect("events:list")
    context = {
        "event": event,
        "budget": with_budgets([event], **visible(request))[0].budget,
        "may_restore": may(request.role, "events.restore"),
        "confirm_title": f"Delete {event.name}?",
        "confirm_label": "Delete the event",
        "confirm_tone": "danger",
        "cancel_url": reverse("events:detail", args=[event.pk]),
    }
    return render(request, "events/delete.html", context)


@page("events.restore")
@require_POST
def event_restore(request: PageRequest, event_id: UUID) -> HttpResponse:
    with deleted_rows_visible():
        event = get_object_or_404(Event.objects.visible_to(**visible(request)), pk=event_id)
    restore_event(event=event, acting_user=request.user)
    messages.success(request, f"{event.name} is back, with its budget.")
    return redirect("events:detail", event.pk)


def _event_or_404(request: PageRequest, event_id: UUID) -> Event:
    event = event_for_page(event_id, **visible(request))
    if event is None:
        raise Http404
    return event


def _place(form: EventForm, error: ValidationError) -> None:
    """Put the service's refusals at their fields."""
    for name, problems in error.error_dict.items():
        form.add_error(name if name in form.fields else None, problems)


def _status_of(request: PageRequest) -> int:
    return 422 if request.method == "POST" else 200
