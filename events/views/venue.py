from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from budgetsite.accounts.permissions import may
from budgetsite.pages.access import PageRequest, page
from budgetsite.tenancy.scope import deleted_rows_visible
from events.forms import VenueForm
from events.models import Venue
from events.selectors import venues_with_events
from events.services import VenueInUse, create_venue, delete_venue, restore_venue, update_venue


@page("venues.view")
@require_safe
def venue_list(request: PageRequest) -> HttpResponse:
    context = {"venues": venues_with_events(), "may_change": may(request.role, "venues.change")}
    return render(request, "events/venues.html", context)


@page("venues.change")
@require_http_methods(["GET", "HEAD", "POST"])
def venue_create(request: PageRequest) -> HttpResponse:
    form = VenueForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        venue = create_venue(acting_user=request.user, **form.cleaned_data)
        messages.success(request, f"{venue.name} is there: events can take place in it.")
        return redirect("events:venues")
    return render(request, "events/venue_form.html", {"form": form}, status=422 if form.is_bound else 200)


@page("venues.change")
@require_http_methods(["GET", "HEAD", "POST"])
def venue_edit(request: PageRequest, venue_id: UUID) -> HttpResponse:
    venue = get_object_or_404(Venue.objects.all(), pk=venue_id)
    form = VenueForm(request.POST if request.method == "POST" else None, instance=venue)
    if request.method == "POST" and form.is_valid():
        update_venue(venue=venue, acting_user=request.user, **form.cleaned_data)
        messages.success(request, f"{venue.name} saved.")
        return redirect("events:venues")
    context = {"form": form, "venue": venue}
    return render(request, "events/venue_form.html", context, status=422 if form.is_bound else 200)


@page("venues.change")
@require_POST
def venue_delete(request: PageRequest, venue_id: UUID) -> HttpResponse:
    """Deletes at one press, because one press undoes it."""
    venue = get_object_or_404(Venue.objects.all(), pk=venue_id)
    try:
        delete_venue(venue=venue, acting_user=request.user, now=timezone.now())
    except VenueInUse as problem:
        messages.error(request, str(problem))
    else:
        undo = reverse("events:venue_restore", args=[venue.pk])
        messages.success(request, f"{venue.name} is deleted.", extra_tags=undo)
    return redirect("events:venues")


@page("venues.change")
@require_POST
def venue_restore(request: PageRequest, venue_id: UUID) -> HttpResponse:
    with deleted_rows_visible():
        venue = get_object_or_404(Venue.objects.all(), pk=venue_id)
    restore_venue(venue=venue, acting_user=request.user)
    messages.success(request, f"{venue.name} is back.")
    return redirect("events:venues")
