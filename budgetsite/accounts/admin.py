"""The account itself, the people in it and its API keys. Users stand here only as members of the account chosen."""

from typing import Any
from uuid import UUID

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import unquote
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.db import models
from django.db.models.functions import Coalesce
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from unfold.decorators import action, display
from unfold.widgets import (
    UnfoldAdminEmailInputWidget,
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelect2Widget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextInputWidget,
)

from budgetsite.accounts.api_keys import ApiKeyProblem, revoke_api_key
from budgetsite.accounts.models import Account, ApiKey, Membership, Team
from budgetsite.accounts.permissions import MACHINE_ACTIONS
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import api_keys_in_order
from budgetsite.accounts.services import (
    AlreadyMember,
    LastOwner,
    MembershipEnded,
    OwnersOnly,
    TeamInUse,
    TeamNameTaken,
    bring_in,
    change_account,
    change_role,
    change_team,
    create_team,
    delete_team,
    end_membership,
    rename_team,
    restore_team,
)
from budgetsite.accounts.timezones import known_timezones
from budgetsite.money.currencies import currency_choices
from budgetsite.pages.back_office.confirmation import Confirmation, confirmation_page
from budgetsite.pages.back_office.displays import badge, moment
from budgetsite.pages.back_office.filters import DeletedFilter
from budgetsite.pages.back_office.model_admin import ReadOnlyAdmin, StaffModelAdmin
from budgetsite.pages.back_office.refusals import ChangeRefused, refused, sentence
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.privacy.models import AccessAction
from budgetsite.privacy.services.access_log import record_access

# Roles and actions stand in one table of our own; Django's groups belong to no account.
admin.site.unregister(Group)

_ROLE_TONES = {Role.OWNER: "accent", Role.MANAGER: "accent", Role.STAFF: "good"}


class MemberForm(forms.ModelForm):
    email = forms.EmailField(label="E-mail", widget=UnfoldAdminEmailInputWidget, max_length=254)
    person_name = forms.CharField(
        label="Name", max_length=200, required=False, widget=UnfoldAdminTextInputWidget, help_text="For new people."
    )
    role = forms.ChoiceField(choices=Role.choices, widget=UnfoldAdminSelectWidget, label="Role")

    class Meta:
        model = Membership
        # The admin names the fields, at request time: choices of rows can be read inside an account alone.
        fields = ()

    def _post_clean(self) -> None:
        """The services judge the rest."""


@admin.register(Membership)
class MembershipAdmin(StaffModelAdmin):
    view_action = "people.view"
    add_action = change_action = delete_action = "people.change"
    refusals = (AlreadyMember, LastOwner, MembershipEnded, OwnersOnly)

    form = MemberForm
    list_display = ("person", "address", "role_badge", "team", "since")
    list_filter = ("role",)
    search_fields = ("user__name", "user__email")
    search_help_text = "Search by name or e-mail"
    ordering = ("created_at", "id")
    autocomplete_fields = ("team",)

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[Membership]:
        found: models.QuerySet[Membership] = super().get_queryset(request).select_related("user", "team")
        return found

    def changelist_view(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> Any:
        page = super().changelist_view(request, extra_context)
        shown = getattr(page, "context_data", None) or {}
        if "cl" in shown:
            record_access(
                action=AccessAction.VIEWED,
                kind="members",
                list_id=request.account.pk,
                people=len(shown["cl"].result_list),
                place="Back office, people",
            )
        return page

    def changeform_view(
        self,
        request: StaffRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        page = super().changeform_view(request, object_id, form_url, extra_context)
        original = (getattr(page, "context_data", None) or {}).get("original")
        if original is not None:
            record_access(
                action=AccessAction.VIEWED, kind="members", subject=original.user, place="Back office, a person"
            )
        return page

    def get_fields(self, request: StaffRequest, obj: Membership | None = None) -> Any:
        return (
            ("email", "person_name", "role", "team") if obj is None else ("person", "address", "since", "role", "team")
        )

    def get_readonly_fields(self, request: StaffRequest, obj: Membership | None = None) -> Any:
        return () if obj is None else ("person", "address", "since")

    def get_form(self, request: StaffRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        if obj is not None:
            # Who it is does not change; another person is another membership.
            form.base_fields = {
                name: field for name, field in form.base_fields.items() if name not in {"email", "person_name"}
            }
        return form

    @display(description="Name", ordering="user__name")
    def person(self, membership: Membership) -> str:
        return membership.user.name or "–"

    @display(description="E-mail", ordering="user__email")
    def address(self, membership: Membership) -> str:
        return membership.user.email

    @display(description="Role", ordering="role")
    def role_badge(self, membership: Membership) -> Any:
        role = Role(membership.role)
        return badge(str(role.label), _ROLE_TONES.get(role, "neutral"))

    @display(description="Member since", ordering="created_at")
    def since(self, membership: Membership) -> str:
        return moment(membership.created_at)

    def write(self, request: StaffRequest, obj: Membership, form: Any, change: bool) -> Membership:
        values = form.cleaned_data
        if not change:
            obj = bring_in(
                account=request.account,
                email=values["email"],
                name=values["person_name"],
                role=Role(values["role"]),
                acting_user=request.user,
                acting_role=request.role,
            )
            return self._with_team(request, obj, values["team"])
        if "role" in form.changed_data:
            change_role(
                membership_id=obj.pk,
                role=Role(values["role"]),
                acting_user=request.user,
                acting_role=request.role,
            )
        if "team" in form.changed_data:
            self._with_team(request, obj, values["team"])
        return Membership.objects.select_related("user").get(pk=obj.pk)

    def _with_team(self, request: StaffRequest, membership: Membership, team: Team | None) -> Membership:
        if team != membership.team:
            change_team(membership_id=membership.pk, team=team, acting_user=request.user)
        return Membership.objects.select_related("user").get(pk=membership.pk)

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        return refused(problem, field="email" if isinstance(problem, AlreadyMember) else "role")

    def remove(self, request: StaffRequest, obj: Membership) -> None:
        end_membership(membership_id=obj.pk, acting_user=request.user, acting_role=request.role, now=self.now())

    def deletion_consequences(self, request: StaffRequest, obj: Membership) -> list[str]:
        return [
            f"{self.name_of(obj)} can no longer sign in to {request.account}.",
            "What they did stays, under their name. They can be added again by their e-mail address.",
        ]

    def name_of(self, obj: Membership) -> str:
        return str(obj.user)


class TeamForm(forms.ModelForm):
    class Meta:
        model = Team
        fields = ("name",)
        widgets = {"name": UnfoldAdminTextInputWidget}

    def _post_clean(self) -> None:
        """The services judge the rest."""


@admin.register(Team)
class TeamAdmin(StaffModelAdmin):
    view_action = "people.view"
    add_action = change_action = delete_action = restore_action = "people.change"
    refusals = (TeamInUse, TeamNameTaken)

    form = TeamForm
    list_display = ("name", "members")
    list_filter = (DeletedFilter,)
    search_fields = ("name",)
    ordering = ("name", "id")
    fields = ("name",)

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[Team]:
        # A sub-select: PostgreSQL's key is (tenant, id), so grouping by the id that Django takes for it is an error.
        members = Membership.objects.filter(team=models.OuterRef("pk"), deleted_at=None).order_by()
        count = members.values("team").annotate(count=models.Count("pk")).values("count")
        found: models.QuerySet[Team] = super().get_queryset(request)
        return found.annotate(live_members=Coalesce(models.Subquery(count), 0))

    @display(description="Members", ordering="live_members")
    def members(self, team: Any) -> int:
        count: int = team.live_members
        return count

    def write(self, request: StaffRequest, obj: Team, form: Any, change: bool) -> Team:
        name = form.cleaned_data["name"]
        if not change:
            return create_team(name=name, acting_user=request.user)
        return rename_team(team=Team.objects.get(pk=obj.pk), name=name, acting_user=request.user)

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        return refused(problem, field="name")

    def remove(self, request: StaffRequest, obj: Team) -> None:
        delete_team(team=obj, acting_user=request.user, now=self.now())

    def bring_back(self, request: StaffRequest, obj: Team) -> None:
        restore_team(team=obj, acting_user=request.user)


class AccountForm(forms.ModelForm):
    currency = forms.ChoiceField(
        choices=currency_choices,
        widget=UnfoldAdminSelectWidget,
        label="Currency",
        help_text="Of new events; the events that there are keep theirs.",
    )
    timezone = forms.ChoiceField(
        choices=lambda: [(name, name.replace("_", " ")) for name in known_timezones()],
        widget=UnfoldAdminSelect2Widget,
        label="Time zone",
        help_text="Of new events, and of the times shown here.",
    )

    class Meta:
        model = Account
        fields = ("name", "currency", "timezone", "four_eyes", "approval_reminder_days")
        widgets = {"name": UnfoldAdminTextInputWidget, "approval_reminder_days": UnfoldAdminIntegerFieldWidget}

    def _post_clean(self) -> None:
        """The service judges the rest."""


@admin.register(Account)
class AccountAdmin(StaffModelAdmin):
    """The settings of the account chosen: there is nothing else to list, to add or to delete."""

    view_action = "account.view"
    change_action = "account.change"
    actions = ()
    actions_row = ()

    form = AccountForm
    fields = ("name", "currency", "timezone", "four_eyes", "approval_reminder_days")

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[Account]:
        found: models.QuerySet[Account] = super().get_queryset(request).filter(pk=request.account.pk)
        return found

    def get_object(self, request: StaffRequest, object_id: str, from_field: str | None = None) -> Account | None:
        try:
            asked = UUID(object_id)
        except ValueError:
            return None
        return self.get_queryset(request).filter(pk=asked).first()

    def changelist_view(self, request: StaffRequest, extra_context: Any = None) -> HttpResponse:
        return redirect(self.url_of(request.account))

    def write(self, request: StaffRequest, obj: Account, form: Any, change: bool) -> Account:
        changes = {name: form.cleaned_data[name] for name in form.changed_data}
        return change_account(account=obj, acting_user=request.user, **changes)

    def response_change(self, request: StaffRequest, obj: Account) -> HttpResponse:
        self.message_user(request, "The settings were saved.")
        return redirect(reverse("admin:index"))


@admin.register(ApiKey)
class ApiKeyAdmin(ReadOnlyAdmin):
    """The keys are made and rotated on their own pages, where the secret is shown once; here they are stopped."""

    view_action = "api_keys.view"
    refusals = (ApiKeyProblem,)

    list_display = ("name", "state", "last_use", "answers_for_it", "made")
    search_fields = ("name",)
    actions = ()
    actions_detail = ("revoke_key",)
    fields = (
        ("name", "state"),
        ("allowed", "reach"),
        ("answers_for_it", "made"),
        ("last_use", "rotated"),
        ("expires", "revoked"),
    )

    def get_readonly_fields(self, request: StaffRequest, obj: Any = None) -> list[str]:
        return [name for row in self.fields for name in row]

    def get_queryset(self, request: StaffRequest) -> models.QuerySet[ApiKey]:
        return api_keys_in_order()

    def get_ordering(self, request: StaffRequest) -> tuple[Any, ...]:
        return ()

    def get_actions_detail(self, request: StaffRequest, object_id: Any) -> list[Any]:
        key = self.get_object(request, unquote(str(object_id)))
        if key is None or key.revoked_at is not None or not self.may(request, "api_keys.change"):
            return []
        return list(super().get_actions_detail(request, object_id))

    @display(description="State")
    def state(self, key: Any) -> Any:
        if key.revoked_at is not None:
            return badge("Revoked", "neutral")
        if key.has_expired(self.now()):
            return badge("Expired", "neutral")
        return badge("Nobody is responsible", "warning") if key.needs_somebody else badge("Works", "good")

    @display(description="Last used", ordering="last_used_at", empty_value="never")
    def last_use(self, key: ApiKey) -> Any:
        return moment(key.last_used_at) if key.last_used_at else None

    @display(description="Responsible", ordering="responsible__name")
    def answers_for_it(self, key: ApiKey) -> str:
        return str(key.responsible)

    @display(description="Made", ordering="created_at")
    def made(self, key: ApiKey) -> str:
        return f"{moment(key.created_at)} by {key.created_by}"

    @display(description="May")
    def allowed(self, key: ApiKey) -> str:
        return "; ".join(MACHINE_ACTIONS.get(name, name) for name in key.actions)

    @display(description="Reaches")
    def reach(self, key: ApiKey) -> str:
        count = len(key.budget_ids)
        return f"{count} budget(s) and what lies below them" if count else "all budgets of the account"

    @display(description="Last rotated", empty_value="never")
    def rotated(self, key: ApiKey) -> Any:
        return moment(key.rotated_at) if key.rotated_at else None

    @display(description="Expires", empty_value="never")
    def expires(self, key: ApiKey) -> Any:
        return moment(key.expires_at) if key.expires_at else None

    @display(description="Revoked", empty_value="no")
    def revoked(self, key: ApiKey) -> Any:
        return moment(key.revoked_at) if key.revoked_at else None

    @action(description="Revoke", url_path="revoke", icon="block")
    def revoke_key(self, request: StaffRequest, object_id: str) -> HttpResponse:
        if not self.may(request, "api_keys.change"):
            raise PermissionDenied
        key = self.get_object(request, unquote(object_id))
        if key is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        page = Confirmation(
            title=f"Revoke “{key}”?",
            label="Revoke",
            back_url=self.url_of(key),
            consequences=["Whatever works with it is refused from its next request on, for good."],
            tone="danger",
        )
        if request.method != "POST":
            return confirmation_page(request, self, page, obj=key)
        try:
            revoke_api_key(key_id=key.pk, acting_user=request.user, now=self.now())
        except self._refusals as problem:
            page.errors.append(sentence(problem))
            return confirmation_page(request, self, page, obj=key, status=409)
        self.message_user(request, f"“{key}” is revoked.", messages.SUCCESS)
        return redirect(self.url_of(key))
