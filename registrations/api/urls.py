from typing import Any

from budgetsite.api.routes import api_path
from registrations.api.batch import BatchViewSet, StatusImportViewSet
from registrations.api.check_in import CheckInViewSet
from registrations.api.option import OptionViewSet
from registrations.api.policy import CancellationViewSet, PolicyViewSet
from registrations.api.registration import RegistrationViewSet
from registrations.api.slot import SlotViewSet
from registrations.api.waitlist import WaitlistViewSet

EVENT = "events/<uuid:event_id>"
ONE_REGISTRATION = f"{EVENT}/registrations/<uuid:registration_id>"
ALL: dict[str, Any] = {"get": "list", "post": "create"}
ONE: dict[str, Any] = {"get": "retrieve", "patch": "partial_update", "delete": "destroy"}

urlpatterns = [
    api_path(f"{EVENT}/options", OptionViewSet.as_view(ALL), name="api-options"),
    api_path(f"{EVENT}/options/<uuid:option_id>", OptionViewSet.as_view(ONE), name="api-option"),
    api_path(f"{EVENT}/pickup-slots", SlotViewSet.as_view({"get": "list"}), name="api-pickup-slots"),
    api_path(
        f"{EVENT}/pickup-slots/generate", SlotViewSet.as_view({"post": "generate"}), name="api-pickup-slots-generate"
    ),
    api_path(
        f"{EVENT}/pickup-slots/<uuid:slot_id>",
        SlotViewSet.as_view({"patch": "partial_update", "delete": "destroy"}),
        name="api-pickup-slot",
    ),
    api_path(
        f"{EVENT}/check-conflicts",
        RegistrationViewSet.as_view({"post": "check_conflicts"}),
        name="api-check-conflicts",
    ),
    api_path(f"{EVENT}/register", RegistrationViewSet.as_view({"post": "register"}), name="api-register"),
    api_path(f"{EVENT}/registrations", RegistrationViewSet.as_view({"get": "list"}), name="api-registrations"),
    api_path(f"{EVENT}/registrations/bulk", BatchViewSet.as_view({"post": "bulk"}), name="api-registrations-bulk"),
    api_path(f"{EVENT}/registrations/export", BatchViewSet.as_view({"get": "export"}), name="api-registrations-export"),
    api_path(
        f"{EVENT}/registrations/import",
        StatusImportViewSet.as_view({"post": "create"}),
        name="api-registrations-import",
    ),
    api_path(f"{EVENT}/capacity-preview", BatchViewSet.as_view({"post": "preview"}), name="api-capacity-preview"),
    api_path(
        f"{EVENT}/registration-policy",
        PolicyViewSet.as_view({"get": "retrieve", "put": "update"}),
        name="api-registration-policy",
    ),
    api_path(
        f"{ONE_REGISTRATION}/cancellation",
        CancellationViewSet.as_view({"get": "retrieve"}),
        name="api-registration-cancellation",
    ),
    api_path(f"{EVENT}/waitlist", WaitlistViewSet.as_view(ALL), name="api-waitlist"),
    api_path(f"{EVENT}/waitlist/<uuid:entry_id>", WaitlistViewSet.as_view(ONE), name="api-waitlist-entry"),
    api_path(
        f"{EVENT}/waitlist/<uuid:entry_id>/accept",
        WaitlistViewSet.as_view({"post": "accept"}),
        name="api-waitlist-accept",
    ),
    api_path(
        ONE_REGISTRATION,
        RegistrationViewSet.as_view({"get": "retrieve", "put": "update"}),
        name="api-registration",
    ),
    api_path(f"{ONE_REGISTRATION}/qr", RegistrationViewSet.as_view({"get": "qr"}), name="api-registration-qr"),
    api_path(f"{ONE_REGISTRATION}/undo-check-in", CheckInViewSet.as_view({"post": "undo"}), name="api-undo-check-in"),
    api_path(f"{EVENT}/check-in", CheckInViewSet.as_view({"post": "check_in"}), name="api-check-in"),
    api_path(f"{EVENT}/budget-variance", RegistrationViewSet.as_view({"get": "variance"}), name="api-budget-variance"),
]
