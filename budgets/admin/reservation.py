"""What is held in company budgets for a while, and what has become of it."""

from collections.abc import Collection
from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold.decorators import action, display

from budgets.admin.filters import OneBudgetFilter
from budgets.models import Reservation, ReservationStatus
from budgets.services.problems import BudgetProblem
from budgets.services.reservation import release_reservation
from budgetsite.pages.amounts import format_usage
from budgetsite.pages.back_office.confirmation import Confirmation, confirmation_page
from budgetsite.pages.back_office.displays import amount_cell, badge, moment, moment_cell
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin
from budgetsite.pages.back_office.refusals import sentence
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.back_office.steps import StepsMixin

_CONSEQUENCES = ("What it holds is free at once, here and in every budget above. It can't be settled any more.",)


@admin.register(Reservation)
class ReservationAdmin(StepsMixin, ReadOnlyAdmin):
    """Made and settled by other systems, over the API; released here when nobody will settle them."""

    view_action = "scoped_budgets.view"
    refusals = (BudgetProblem,)
    list_display = ("what", "budget_link", "state", "amount_reserved", "still_held", "settled", "expires")
    list_display_links = ("what",)
    list_filter = ("status", OneBudgetFilter)
    search_fields = ("description", "budget__name", "machine")
    search_help_text = "Search by description, budget or API key"
    actions = ("release_rows",)
    steps_need = "scoped_budgets.reserve"
    actions_detail = ("release_one",)
    fields = (
        ("what", "budget_link", "state"),
        ("amount_reserved", "still_held", "settled"),
        ("held_since", "expires", "closed"),
        ("by", "machine_name"),
    )

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in row]

    def get_queryset(self, request: StaffRequest) -> QuerySet[Any]:
        found: QuerySet[Any] = super().get_queryset(request).filter(deleted_at=None)
        return found.select_related("budget", "actor")

    def get_ordering(self, request: StaffRequest) -> tuple[str, ...]:
        return ("-created_at", "-id")

    def steps_offered(self, request: StaffRequest, row: Reservation) -> Collection[str]:
        held = row.status == ReservationStatus.HELD and self.may(request, "scoped_budgets.reserve")
        return self.actions_detail if held else ()

    # --- Columns ----------------------------------------------------------------------------------------------------

    @display(description="For")
    def what(self, reservation: Reservation) -> str:
        return reservation.description or "nothing was said"

    @display(description="Budget")
    def budget_link(self, reservation: Reservation) -> SafeString:
        url = reverse("admin:budgets_scopedbudget_change", args=[reservation.budget_id])
        return format_html('<a class="text-link" href="{}">{}</a>', url, reservation.budget)

    @display(description="Status")
    def state(self, reservation: Reservation) -> SafeString:
        if reservation.status == ReservationStatus.HELD:
            # It counts for nobody from that moment on, whether or not a job has freed it.
            expired = reservation.expires_at <= self.now()
            return badge("Expired", "neutral") if expired else badge("Held", "accent")
        tone = "good" if reservation.status == ReservationStatus.SETTLED else "neutral"
        return badge(reservation.get_status_display(), tone)

    @display(description="Reserved")
    def amount_reserved(self, reservation: Reservation) -> SafeString:
        return amount_cell(reservation.amount, reservation.currency)

    @display(description="Still held")
    def still_held(self, reservation: Reservation) -> SafeString:
        return amount_cell(reservation.held_amount, reservation.currency)

    @display(description="Settled")
    def settled(self, reservation: Reservation) -> SafeString:
        return amount_cell(reservation.settled_amount, reservation.currency)

    @display(description="Expires")
    def expires(self, reservation: Reservation) -> SafeString:
        return moment_cell(reservation.expires_at)

    @display(description="Held since")
    def held_since(self, reservation: Reservation) -> str:
        return moment(reservation.held_at)

    @display(description="Closed", empty_value="not yet")
    def closed(self, reservation: Reservation) -> str | None:
        return moment(reservation.closed_at) if reservation.closed_at else None

    @display(description="By", empty_value="the system")
    def by(self, reservation: Reservation) -> Any:
        return reservation.actor

    @display(description="API key", empty_value="none: a person")
    def machine_name(self, reservation: Reservation) -> str | None:
        return reservation.machine or None

    def name_of(self, obj: Reservation) -> str:
        return f"Reservation of {format_usage(obj.amount, obj.currency)} {obj.currency}"

    # --- Releasing --------------------------------------------------------------------------------------------------

    @action(description="Release", url_path="release", icon="lock_open")
    def release_one(self, request: StaffRequest, object_id: str) -> HttpResponse:
        if not self.may(request, "scoped_budgets.reserve"):
            raise PermissionDenied
        reservation = self.get_object(request, unquote(object_id))
        if reservation is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        page = Confirmation(
            title=f"Release the {self.name_of(reservation).lower()}?",
            label="Release",
            back_url=self.url_of(reservation),
            consequences=_CONSEQUENCES,
            facts=[
                ("Budget", str(reservation.budget)),
                ("For", self.what(reservation)),
                ("Still held", f"{format_usage(reservation.held_amount, reservation.currency)} {reservation.currency}"),
                ("Expires", moment(reservation.expires_at)),
            ],
        )
        if request.method != "POST":
            return confirmation_page(request, self, page, obj=reservation)
        try:
            self._release(reservation)
        except self._refusals as problem:
            page.errors.append(sentence(problem))
            return confirmation_page(request, self, page, obj=reservation, status=409)
        held = f"{format_usage(reservation.held_amount, reservation.currency)} {reservation.currency}"
        self.message_user(request, f"{held} are no longer reserved.", messages.SUCCESS)
        return redirect(self.url_of(reservation))

    @action(description="Release selected")
    def release_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        if not self.may(request, "scoped_budgets.reserve"):
            raise PermissionDenied
        return self.bulk(
            request,
            queryset,
            action_name="release_rows",
            title="Release these {count}?",
            label="Release",
            done="released",
            consequences=list(_CONSEQUENCES),
            note_of=lambda reservation: f"{reservation.budget}: {self.what(reservation)}",
            unchanged=lambda reservation: (
                "" if reservation.status == ReservationStatus.HELD else "held nothing any more"
            ),
            do=lambda reservation, _: self._release(reservation),
        )

    def _release(self, reservation: Reservation) -> None:
        release_reservation(budget_id=reservation.budget_id, reservation_id=reservation.pk, now=self.now())
