"""The account's API keys: what each may do, when it was used last; made, changed, rotated, revoked."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_safe

from budgets.forms.api_key import ApiKeyChangeForm, ApiKeyForm, RotationForm
from budgets.selectors.api_keys import names_of_budgets, offered_budgets
from budgets.services.api_key import UnknownBudgets, change_budget_key, create_budget_key
from budgetsite.accounts.api_keys import ApiKeyProblem, ApiKeyRevoked, ShownKey, revoke_api_key, rotate_api_key
from budgetsite.accounts.permissions import MACHINE_ACTIONS
from budgetsite.accounts.selectors import api_keys_in_order, who_can_be_responsible
from budgetsite.pages.access import PageRequest, page

METHODS = ["GET", "HEAD", "POST"]
REVOKED_SHOWN = 20
_FIELDS = {"budget_ids": "budgets", "expires_at": "expires_on", "responsible_id": "responsible"}


@page("api_keys.view")
@require_safe
def api_keys(request: PageRequest) -> HttpResponse:
    now = timezone.now()
    keys = list(api_keys_in_order().filter(revoked_at=None))
    names = names_of_budgets(budget_id for key in keys for budget_id in key.budget_ids)
    context = {
        "keys": [_row(key, names, now) for key in keys],
        "working": sum(not key.has_expired(now) for key in keys),
        "without_anybody": [key for key in keys if key.needs_somebody and not key.has_expired(now)],
        "revoked": api_keys_in_order().exclude(revoked_at=None)[:REVOKED_SHOWN],
    }
    return render(request, "budgets/api_keys/list.html", context)


@page("api_keys.change")
@never_cache
@require_http_methods(METHODS)
def api_key_create(request: PageRequest) -> HttpResponse:
    form = ApiKeyForm(
        request.POST if request.method == "POST" else None,
        offered=offered_budgets(),
        timezone=request.account.timezone,
    )
    if form.is_bound and form.is_valid():
        try:
            made = create_budget_key(acting_user=request.user, now=timezone.now(), **form.key_fields())
        except (ApiKeyProblem, UnknownBudgets, ValidationError) as problem:
            _say(form, problem)
        else:
            return _secret(request, made, status=201)
    return render(request, "budgets/api_keys/form.html", {"form": form}, status=422 if form.is_bound else 200)


@page("api_keys.change")
@require_http_methods(METHODS)
def api_key_edit(request: PageRequest, api_key_id: UUID) -> HttpResponse:
    key = _key_or_404(api_key_id)
    if key.revoked_at is not None:
        return _gone(request, ApiKeyRevoked(key))
    form = ApiKeyChangeForm(
        request.POST if request.method == "POST" else None,
        offered=offered_budgets(also=key.budget_ids),
        timezone=request.account.timezone,
        people=who_can_be_responsible(),
        key=key,
    )
    if form.is_bound and form.is_valid():
        try:
            changed = change_budget_key(
                key_id=key.pk, acting_user=request.user, now=timezone.now(), **form.key_fields()
            )
        except ApiKeyRevoked as problem:
            return _gone(request, problem)
        except (ApiKeyProblem, UnknownBudgets, ValidationError) as problem:
            _say(form, problem)
        else:
            messages.success(request, f"“{changed}” is changed: it holds from its next request on.")
            return redirect("budgets:api_keys")
    context = {"form": form, "key": key, "now": timezone.now(), "names": names_of_budgets(key.budget_ids)}
    context["deleted"] = sum(budget_id not in context["names"] for budget_id in key.budget_ids)
    return render(request, "budgets/api_keys/form.html", context, status=422 if form.is_bound else 200)


@page("api_keys.change")
@never_cache
@require_http_methods(METHODS)
def api_key_rotate(request: PageRequest, api_key_id: UUID) -> HttpResponse:
    key = _key_or_404(api_key_id)
    form = RotationForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        overlap = timedelta(hours=int(form.cleaned_data["overlap"]))
        try:
            made = rotate_api_key(key_id=key.pk, overlap=overlap, acting_user=request.user, now=timezone.now())
        except ApiKeyProblem as problem:
            return _gone(request, problem)
        return _secret(request, made, status=200)
    context = {
        "key": key,
        "form": form,
        "still_good": key.previous_until if key.previous_until and key.previous_until > timezone.now() else None,
        "confirm_title": f"Give “{key}” a new secret?",
        "confirm_label": "Make a new secret",
        "cancel_url": reverse("budgets:api_key", args=[key.pk]),
    }
    return render(request, "budgets/api_keys/rotate.html", context, status=422 if form.is_bound else 200)


@page("api_keys.change")
@require_http_methods(METHODS)
def api_key_revoke(request: PageRequest, api_key_id: UUID) -> HttpResponse:
    key = _key_or_404(api_key_id)
    if request.method == "POST":
        try:
            revoke_api_key(key_id=key.pk, acting_user=request.user, now=timezone.now())
        except ApiKeyProblem as problem:
            return _gone(request, problem)
        messages.success(request, f"“{key}” is revoked: whatever used it is refused from now on.")
        return redirect("budgets:api_keys")
    context = {
        "key": key,
        "confirm_title": f"Revoke “{key}”?",
        "confirm_label": "Revoke the key",
        "confirm_tone": "danger",
        "cancel_url": reverse("budgets:api_key", args=[key.pk]),
    }
    return render(request, "budgets/api_keys/revoke.html", context)


def _row(key: Any, names: dict[UUID, str], now: Any) -> dict[str, Any]:
    return {
        "key": key,
        "may": [MACHINE_ACTIONS.get(action, action) for action in key.actions],
        "budgets": sorted(names[budget_id] for budget_id in key.budget_ids if budget_id in names),
        "expired": key.has_expired(now),
        "previous_until": key.previous_until if key.previous_until and key.previous_until > now else None,
    }


def _secret(request: PageRequest, made: ShownKey, *, status: int) -> HttpResponse:
    """Show the key's text, this once: there is no address at which it could be seen again."""
    context = {"key": made.key, "secret": made.text, "previous_until": made.key.previous_until}
    return render(request, "budgets/api_keys/secret.html", context, status=status)


def _say(form: ApiKeyForm, problem: Exception) -> None:
    if isinstance(problem, ValidationError):
        form.add_error(None, problem)
        return
    field = "budget_ids" if isinstance(problem, UnknownBudgets) else getattr(problem, "field", None)
    named = _FIELDS.get(field or "", field)
    form.add_error(named if named in form.fields else None, str(problem))


def _gone(request: PageRequest, problem: ApiKeyProblem) -> HttpResponse:
    messages.info(request, str(problem))
    return redirect("budgets:api_keys")


def _key_or_404(api_key_id: UUID) -> Any:
    key = api_keys_in_order().filter(pk=api_key_id).first()
    if key is None:
        raise Http404
    return key
