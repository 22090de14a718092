"""What the start page says about registrations: few statements, whatever the size of the account."""

from django.urls import reverse
from django.utils import timezone

from budgetsite.accounts.permissions import may
from budgetsite.pages.amounts import format_money
from budgetsite.pages.back_office.displays import moment
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.back_office.site import PANEL_ROWS, Panel, PanelRow, panel
from registrations.admin.displays import facts_of_person, left_until
from registrations.admin.filters import registrations_url
from registrations.models import RegistrationStatus
from registrations.selectors.inbox import events_that_wait, offers_running_out


@panel(17)
def registrations_to_decide(request: StaffRequest) -> Panel | None:
    """Nothing where none waits: many accounts take no registrations at all."""
    if not may(request.role, "registrations.decide"):
        return None
    waiting = events_that_wait(now=timezone.now(), limit=PANEL_ROWS + 1)
    if not waiting:
        return None
    return Panel(
        title="Registrations to decide",
        rows=[
            PanelRow(
                url=registrations_url(status__exact=RegistrationStatus.PENDING, event=found.event.pk),
                title=found.event.name,
                note=f"Begins {moment(found.event.event_date, found.event.timezone)}."
                + (
                    f" All together cost {format_money(found.exposure, found.event.currency)}."
                    if found.exposure
                    else ""
                ),
                badge=f"{found.pending} waiting",
                tone="warning",
            )
            for found in waiting[:PANEL_ROWS]
        ],
        empty="",
        more_url=registrations_url(status__exact=RegistrationStatus.PENDING) if len(waiting) > PANEL_ROWS else "",
        more_label="All registrations that wait",
    )


@panel(18)
def offers_about_to_run_out(request: StaffRequest) -> Panel | None:
    """Nothing where no offer runs out within a day."""
    if not may(request.role, "registrations.decide"):
        return None
    now = timezone.now()
    offers = list(offers_running_out(now=now)[: PANEL_ROWS + 1])
    if not offers:
        return None
    return Panel(
        title="Offers about to run out",
        rows=[
            PanelRow(
                url=reverse("admin:registrations_waitlistentry_change", args=[entry.pk]),
                title=facts_of_person(entry.user),
                note=f"{entry.event}{f', {entry.event_option}' if entry.event_option else ''}."
                f" Until {moment(entry.offer_expires_at)}",
                badge=left_until(entry.offer_expires_at, now=now) if entry.offer_expires_at else "",
                tone="warning",
            )
            for entry in offers[:PANEL_ROWS]
        ],
        empty="",
        more_url=f"{reverse('admin:registrations_waitlistentry_changelist')}?state=OFFERED"
        if len(offers) > PANEL_ROWS
        else "",
        more_label="All offers that are out",
    )
