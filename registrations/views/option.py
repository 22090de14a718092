"""What an event offers: its options, and who would no longer fit into less."""

from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_safe

from budgets.models import BudgetLineItem, LineKind
from budgetsite.pages.access import PageRequest
from events.models import Event
from registrations.forms.offer import OptionForm, values_of
from registrations.models import EventOption
from registrations.selectors.options import options_of
from registrations.services.capacity_cut import cut_of_option
from registrations.services.option import create_option, update_option
from registrations.services.problems import LineOfAnotherBudget, TooFewPlaces
from registrations.views.page_parts import desk_context, event_or_404, option_or_404, page_of_event


@page_of_event("registrations.decide")
@require_safe
def option_list(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    context = desk_context(request, event, "options")
    context["options"] = list(options_of(event.pk).select_related("line_item"))
    return render(request, "registrations/options.html", context)


@page_of_event("registrations.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def option_new(request: PageRequest, event_id: UUID) -> HttpResponse:
    event = event_or_404(request, event_id)
    form = _form(request, event)
    if form.is_bound and form.is_valid():
        try:
            option = create_option(event=event, acting_user=request.user, **form.option_fields())
        except (ValidationError, LineOfAnotherBudget) as error:
            _place(form, error)
        else:
            messages.success(request, f"{option.option_name} is there: people can register for it.")
            return redirect("registrations:options", event.pk)
    context = desk_context(request, event, "options") | {"form": form}
    return render(request, "registrations/option_form.html", context, status=422 if form.is_bound else 200)


@page_of_event("registrations.decide")
@require_http_methods(["GET", "HEAD", "POST"])
def option_edit(request: PageRequest, event_id: UUID, option_id: UUID) -> HttpResponse:
    """Save, or look first who would no longer fit; fewer places than are taken show that too."""
    event = event_or_404(request, event_id)
    option = option_or_404(event, option_id)
    form = _form(request, event, option)
    cut, status = None, 422 if form.is_bound else 200
    if form.is_bound and form.is_valid():
        places = form.cleaned_data["total_available"]
        if "look" in request.POST:
            cut, status = cut_of_option(event=event, option_id=option.pk, total_available=places), 200
        else:
            try:
                update_option(
                    event=event,
                    option_id=option.pk,
                    acting_user=request.user,
                    now=timezone.now(),
                    **form.option_fields(),
                )
            except TooFewPlaces as problem:
                form.add_error("total_available", str(problem))
                cut, status = cut_of_option(event=event, option_id=option.pk, total_available=places), 409
            except (ValidationError, LineOfAnotherBudget) as error:
                _place(form, error)
            else:
                messages.success(request, f"{form.cleaned_data['option_name']} saved.")
                return redirect("registrations:options", event.pk)
    context = desk_context(request, event, "options") | {"form": form, "option": option, "cut": cut}
    return render(request, "registrations/option_form.html", context, status=status)


def _form(request: PageRequest, event: Event, option: EventOption | None = None) -> OptionForm:
    lines = BudgetLineItem.objects.filter(budget__event_id=event.pk, budget__deleted_at=None, kind=LineKind.COST)
    return OptionForm(
        request.POST if request.method == "POST" else None,
        initial=values_of(option) if option else {},
        currency=event.currency,
        lines=list(lines.order_by("sort_order", "id")),
    )


def _place(form: OptionForm, error: ValidationError | LineOfAnotherBudget) -> None:
    """Put the service's refusals at their fields."""
    if isinstance(error, LineOfAnotherBudget):
        form.add_error("line_item", str(error))
        return
    for name, problems in error.error_dict.items():
        form.add_error(name if name in form.fields else None, problems)
