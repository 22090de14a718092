"""What every admin of an account's rows is made of: roles instead of Django's permissions, services instead of saves,
soft deletion with its way back, lists that never count to the end."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote_plus

from django.contrib import messages
from django.contrib.admin import ShowFacets
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.contrib.admin.utils import quote, unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models, transaction
from django.http import Http404, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import action

from budgetsite.accounts.permissions import may
from budgetsite.pages.back_office.confirmation import Confirmation, confirmation_page
from budgetsite.pages.back_office.filters import shows_deleted
from budgetsite.pages.back_office.history import PAGE, Source, story
from budgetsite.pages.back_office.paginator import NearPaginator
from budgetsite.pages.back_office.refusals import ChangeRefused, listening_form, refused, sentence
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.back_office.row_widget import RowWidget
from budgetsite.tenancy.models import TenantModel
from budgetsite.tenancy.scope import current_scope, enter_scope, scope

# More refusals than this would push the list off the screen.
REFUSALS_SHOWN = 10


class RolePermissions:
    """Who may do what comes from the table of roles and actions. An action left empty is nobody's."""

    view_action: ClassVar[str] = ""
    add_action: ClassVar[str] = ""
    change_action: ClassVar[str] = ""
    delete_action: ClassVar[str] = ""

    def may(self, request: StaffRequest, permission: str) -> bool:
        return bool(permission) and may(request.role, permission)

    def has_module_permission(self, request: StaffRequest) -> bool:
        return self.may(request, self.view_action)

    def has_view_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        return self.may(request, self.view_action)

    def has_add_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        return self.may(request, self.add_action)

    def has_change_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        return self.may(request, self.change_action)

    def has_delete_permission(self, request: StaffRequest, obj: Any = None) -> bool:
        return self.may(request, self.delete_action)


class RoleInline(RolePermissions, TabularInline):
    extra = 0
    show_change_link = False

    def get_formset(self, request: StaffRequest, obj: Any = None, **kwargs: Any) -> Any:
        """Name each control after its column, which stands far above it and is no label to a screen reader."""
        formset = super().get_formset(request, obj, **kwargs)
        for name, field in formset.form.base_fields.items():
            field.widget.attrs.setdefault("aria-label", field.label or name)
        return formset


class StaffModelAdmin(RolePermissions, ModelAdmin):
    """Reads through the tenant's managers; writes through `write`, `remove` and `bring_back`, one service call each."""

    restore_action: ClassVar[str] = ""
    # What an empty list says.
    empty_list: ClassVar[str] = "There is nothing yet."
    # What the services raise when they refuse, beside ValidationError.
    refusals: ClassVar[tuple[type[Exception], ...]] = ()

    show_full_result_count = False
    # Counts beside each filter would read the whole table once for each.
    show_facets = ShowFacets.NEVER
    list_per_page = 50
    list_max_show_all = 50
    list_disable_select_all = True
    list_filter_sheet = True
    list_filter_submit = True
    compressed_fields = False
    warn_unsaved_form = True
    actions: tuple[str, ...] = ("delete_rows", "restore_rows")
    actions_row: tuple[str, ...] = ("restore_row",)
    paginator = NearPaginator

    def formfield_for_foreignkey(self, db_field: Any, request: StaffRequest, **kwargs: Any) -> Any:
        if db_field.name in self.get_autocomplete_fields(request):
            kwargs.setdefault("widget", RowWidget(db_field, self.admin_site, using=kwargs.get("using")))
        return super().formfield_for_foreignkey(db_field, request, **kwargs)

    # --- Writing ----------------------------------------------------------------------------------------------------

    def write(self, request: StaffRequest, obj: Any, form: Any, change: bool) -> Any:
        """Make or change the object by one service call and return it. What it raises becomes the form's error."""
        raise NotImplementedError

    def remove(self, request: StaffRequest, obj: Any) -> None:
        """Soft-delete the object by one service call."""
        raise NotImplementedError

    def bring_back(self, request: StaffRequest, obj: Any) -> None:
        """Restore a deleted object by one service call."""
        raise NotImplementedError

    def deletion_consequences(self, request: StaffRequest, obj: Any) -> list[str]:
        """Say what goes along when the object is deleted, one sentence each."""
        return ["It can be restored from the list of deleted rows."]

    def refusal_of(self, problem: Exception) -> ChangeRefused:
        """Say at which field a service's refusal stands."""
        return refused(problem)

    @property
    def _refusals(self) -> tuple[type[Exception], ...]:
        return (ValidationError, *self.refusals)

    def changeform_view(
        self,
        request: StaffRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> Any:
        """Save, or show the same page with the service's refusal at the field that it is about and nothing stored."""
        # The history of a model that keeps none would say that nothing ever changed.
        extra_context = {
            "show_history": hasattr(self.model, "history"),
            "show_save_and_add_another": False,
            **(extra_context or {}),
        }
        try:
            with transaction.atomic():
                return super().changeform_view(request, object_id, form_url, extra_context)
        except ChangeRefused as refusal:
            request.refusal = refusal
        try:
            with transaction.atomic():
                return super().changeform_view(request, object_id, form_url, extra_context)
        except ChangeRefused as refusal:
            # What it is about is not on this page (any more).
            for sentences in refusal.errors.values():
                for text in sentences:
                    self.message_user(request, text, messages.ERROR)
            return redirect(request.get_full_path())

    def get_form(self, request: StaffRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return listening_form(form, getattr(request, "refusal", None))

    def save_model(self, request: StaffRequest, obj: Any, form: Any, change: bool) -> None:
        try:
            stored = self.write(request, obj, form, change)
        except self._refusals as problem:
            raise self.refusal_of(problem) from problem
        # The page goes on with the row as it is stored now.
        obj.__dict__.update(stored.__dict__)

    def save_related(self, request: StaffRequest, form: Any, formsets: Any, change: bool) -> None:
        """Rows of inlines are written by `write` or not at all."""

    def construct_change_message(self, request: StaffRequest, form: Any, formsets: Any, add: bool = False) -> list[Any]:
        """Nothing to say to Django's log; see `log_addition`."""
        return []

    def log_addition(self, request: StaffRequest, obj: Any, message: Any) -> None:
        """Django's log is one table for all tenants; who did what is told by the history of each row."""

    def log_change(self, request: StaffRequest, obj: Any, message: Any) -> None:
        """See `log_addition`."""

    def log_deletions(self, request: StaffRequest, queryset: Any) -> None:
        """See `log_addition`."""

    # --- Lists ------------------------------------------------------------------------------------------------------

    def get_paginator(
        self, request: StaffRequest, queryset: Any, per_page: int, orphans: int = 0, allow_empty_first_page: bool = True
    ) -> NearPaginator:
        return NearPaginator.for_request(
            request, queryset, per_page, orphans=orphans, allow_empty_first_page=allow_empty_first_page
        )

    def get_changelist_instance(self, request: StaffRequest) -> Any:
        changelist = super().get_changelist_instance(request)
        # Nobody counts all the rows, so there is nothing to compare the filtered ones with.
        changelist.full_result_count = changelist.result_count
        return changelist

    def changelist_view(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> Any:
        if shows_deleted(request) and self.may(request, self.restore_action):
            enter_scope(replace(current_scope(), deleted_visible=True))
        return super().changelist_view(request, extra_context)

    def get_list_display_links(self, request: StaffRequest, list_display: Any) -> Any:
        # A deleted row has no page of its own before it is restored.
        return None if shows_deleted(request) else super().get_list_display_links(request, list_display)

    def get_actions(self, request: StaffRequest) -> dict[str, Any]:
        found = super().get_actions(request)
        found.pop("delete_selected", None)
        deleted = shows_deleted(request)
        for name in list(found):
            if (name == "restore_rows") != deleted:
                del found[name]
        if not self.may(request, self.restore_action):
            found.pop("restore_rows", None)
        if not self.has_delete_permission(request):
            found.pop("delete_rows", None)
        return found

    def get_actions_row(self, request: StaffRequest) -> Any:
        return super().get_actions_row(request) if shows_deleted(request) else []

    # --- Deleting and restoring -------------------------------------------------------------------------------------

    def delete_view(self, request: StaffRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        if not self.has_delete_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        page = Confirmation(
            title=f"Delete “{self.name_of(obj)}”?",
            label="Delete",
            back_url=self.url_of(obj),
            consequences=self.deletion_consequences(request, obj),
            hidden=_version_carried(obj, "version"),
            tone="danger",
        )
        if request.method == "POST":
            try:
                self.remove(request, obj)
            except self._refusals as problem:
                page.errors.append(sentence(problem))
                return confirmation_page(request, self, page, obj=obj, status=409)
            self.message_user(request, f"“{self.name_of(obj)}” was deleted.", messages.SUCCESS)
            return redirect(self.list_url())
        return confirmation_page(request, self, page, obj=obj)

    @action(description="Restore", url_path="restore", icon="restore_from_trash")
    def restore_row(self, request: StaffRequest, object_id: str) -> HttpResponse:
        if not self.may(request, self.restore_action):
            raise PermissionDenied
        enter_scope(replace(current_scope(), deleted_visible=True))
        obj = self.get_object(request, unquote(object_id))
        if obj is None or obj.deleted_at is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        page = Confirmation(
            title=f"Restore “{self.name_of(obj)}”?",
            label="Restore",
            back_url=f"{self.list_url()}?deleted=yes",
            consequences=["It comes back together with everything that was deleted with it."],
        )
        if request.method == "POST":
            try:
                self._bring_back(request, obj)
            except self._refusals as problem:
                page.errors.append(sentence(problem))
                return confirmation_page(request, self, page, status=409)
            self.message_user(request, f"“{self.name_of(obj)}” was restored.", messages.SUCCESS)
            return redirect(self.list_url())
        return confirmation_page(request, self, page)

    def _bring_back(self, request: StaffRequest, obj: TenantModel) -> None:
        # Restoring decides by itself what it has to see.
        with transaction.atomic(), scope(replace(current_scope(), deleted_visible=False)):
            self.bring_back(request, obj)

    @action(description="Delete selected")
    def delete_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        if not self.has_delete_permission(request):
            raise PermissionDenied
        return self.bulk(
            request,
            queryset,
            action_name="delete_rows",
            title="Delete these {count}?",
            label="Delete",
            done="deleted",
            consequences=["What hangs on them goes along. They can be restored from the list of deleted rows."],
            tone="danger",
            do=lambda obj, _: self.remove(request, obj),
        )

    @action(description="Restore selected")
    def restore_rows(self, request: StaffRequest, queryset: Any) -> HttpResponse | None:
        if not self.may(request, self.restore_action):
            raise PermissionDenied
        return self.bulk(
            request,
            queryset,
            action_name="restore_rows",
            title="Restore these {count}?",
            label="Restore",
            done="restored",
            consequences=["They come back together with everything that was deleted with them."],
            do=lambda obj, _: self._bring_back(request, obj),
        )

    # --- Several at once --------------------------------------------------------------------------------------------

    def bulk(
        self,
        request: StaffRequest,
        queryset: Any,
        *,
        action_name: str,
        title: str,
        label: str,
        done: str,
        do: Callable[[Any, dict[str, Any]], None],
        consequences: list[str],
        tone: str = "primary",
        form_class: Any = None,
        note_of: Callable[[Any], str] = lambda obj: "",
        unchanged: Callable[[Any], str] = lambda obj: "",
    ) -> HttpResponse | None:
        """Ask first, then do it to each row by itself, and say how each went.

        `do(row, answers)` makes one service call; `unchanged(row)` names why there is nothing to do (or is empty).
        """
        rows = list(queryset)
        confirmed = "confirmed" in request.POST
        form = form_class(request.POST if confirmed else None) if form_class else None
        if not confirmed or (form is not None and not form.is_valid()):
            page = self.bulk_page(
                request,
                rows,
                action_name=action_name,
                title=title,
                label=label,
                consequences=consequences,
                form=form,
                note_of=note_of,
                tone=tone,
            )
            return confirmation_page(request, self, page)
        self._do_each(request, rows, do, done=done, unchanged=unchanged, answers=form.cleaned_data if form else {})
        return HttpResponseRedirect(request.get_full_path())

    def bulk_page(
        self,
        request: StaffRequest,
        rows: list[Any],
        *,
        action_name: str,
        title: str,
        label: str,
        consequences: list[str],
        form: Any = None,
        note_of: Callable[[Any], str] = lambda obj: "",
        tone: str = "primary",
    ) -> Confirmation:
        """Return the page that asks before a bulk action; its answer comes back to the list with the same rows."""
        versions = [pair for row in rows for pair in _version_carried(row, f"version_{row.pk}")]
        return Confirmation(
            title=title.format(count=f"{len(rows)} {self._noun(len(rows))}"),
            label=label,
            back_url=request.get_full_path(),
            consequences=consequences,
            rows=[(self.name_of(row), note_of(row)) for row in rows],
            hidden=[
                ("action", action_name),
                ("confirmed", "yes"),
                *[(ACTION_CHECKBOX_NAME, str(row.pk)) for row in rows],
                *versions,
            ],
            form=form,
            tone=tone,
        )

    def _do_each(
        self, request: StaffRequest, rows: list[Any], do: Any, *, done: str, unchanged: Any, answers: dict[str, Any]
    ) -> None:
        count, already, problems = 0, [], []
        # In one order, so that two people who change the same ones at once never wait for each other in a circle.
        for row in sorted(rows, key=lambda row: row.pk):
            reason = unchanged(row)
            if reason:
                already.append(reason)
                continue
            try:
                with transaction.atomic():
                    do(row, answers)
            except self._refusals as problem:
                problems.append(f"{self.name_of(row)}: {sentence(problem)}")
            else:
                count += 1
        said = [f"{count} {done}"] if count or not problems else []
        if already:
            said.append(f"{len(already)} {already[0]}")
        if said:
            self.message_user(request, f"{', '.join(said)}.", messages.SUCCESS if count else messages.INFO)
        for text in problems[:REFUSALS_SHOWN]:
            self.message_user(request, text, messages.WARNING)
        if len(problems) > REFUSALS_SHOWN:
            self.message_user(
                request, f"{len(problems) - REFUSALS_SHOWN} more were refused for the like.", messages.WARNING
            )

    # --- History ----------------------------------------------------------------------------------------------------

    def story_sources(self, request: StaffRequest, obj: Any) -> list[Source]:
        """Return whose histories make up the object's story; nothing where none is kept."""
        if not hasattr(self.model, "history"):
            return []
        return [Source(self.model.history.filter(id=obj.pk), currency=getattr(obj, "currency", ""))]

    def history_view(self, request: StaffRequest, object_id: str, extra_context: Any = None) -> HttpResponse:
        obj = self.get_object(request, unquote(object_id))
        if not self.has_view_permission(request, obj):
            raise PermissionDenied
        if obj is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not hasattr(self.model, "history"):
            raise Http404
        # Deleted lines and categories belong to the story.
        enter_scope(replace(current_scope(), deleted_visible=True))
        before = _moment(request.GET.get("before", ""))
        entries = story(self.story_sources(request, obj), before=before)
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": obj,
            "title": f"History of {self.name_of(obj)}",
            "entries": entries,
            "older_url": f"?before={quote_plus(entries[-1].when.isoformat())}" if len(entries) == PAGE else "",
        }
        request.current_app = self.admin_site.name
        return TemplateResponse(request, "admin/story.html", context)

    # --- Words and addresses ----------------------------------------------------------------------------------------

    def name_of(self, obj: Any) -> str:
        return str(obj)

    def url_of(self, obj: Any) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_change", args=[quote(obj.pk)])

    def list_url(self) -> str:
        return reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")

    def _noun(self, count: int) -> str:
        return str(self.opts.verbose_name if count == 1 else self.opts.verbose_name_plural)

    def now(self) -> Any:
        return timezone.now()


def _moment(text: str) -> datetime | None:
    """Return the moment that an address names; None for anything that names none."""
    try:
        found = parse_datetime(text)
    except ValueError:
        return None
    return found if found is not None and timezone.is_aware(found) else None


def _version_carried(obj: Any, name: str) -> list[tuple[str, str]]:
    version = getattr(obj, "version", None)
    return [] if version is None else [(name, str(version))]


def version_sent(request: StaffRequest, obj: Any) -> int:
    """Return the version that the person had in front of them; 0, which is always stale, when none was sent."""
    text = request.POST.get(f"version_{obj.pk}") or request.POST.get("version") or ""
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


class ReadOnlyAdmin(StaffModelAdmin):
    """Rows that nobody changes here, whatever the address says."""

    actions: tuple[str, ...] = ()
    actions_row: tuple[str, ...] = ()

    def get_readonly_fields(self, request: StaffRequest, obj: models.Model | None = None) -> Any:
        return [field.name for field in self.opts.fields]

    def get_actions(self, request: StaffRequest) -> dict[str, Any]:
        return {}
