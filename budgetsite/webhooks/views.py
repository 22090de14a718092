"""The account's webhooks: where events are sent, what came of it; made, tried, changed, paused, rotated, deleted."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.keyset import keyset_page
from budgetsite.webhooks.catalogue import published_kinds
from budgetsite.webhooks.forms import RotationForm, WebhookForm
from budgetsite.webhooks.selectors import attempts_of, deliveries_of, endpoints_in_order, older_secret_signs_until
from budgetsite.webhooks.services.delivery import redeliver, send_test
from budgetsite.webhooks.services.endpoint import (
    ShownSecret,
    change_endpoint,
    create_endpoint,
    delete_endpoint,
    rotate_secret,
)
from budgetsite.webhooks.services.problems import WebhookProblem

METHODS = ["GET", "HEAD", "POST"]
DELIVERIES_SHOWN = 20


@page("webhooks.view")
@require_safe
def webhooks(request: PageRequest) -> HttpResponse:
    endpoints = list(endpoints_in_order())
    context = {
        "endpoints": endpoints,
        "working": sum(not (each.is_paused or each.failing_since) for each in endpoints),
        "in_trouble": [each for each in endpoints if each.pause_reason in ("failing", "gone")],
    }
    return render(request, "webhooks/list.html", context)


@page("webhooks.change")
@never_cache
@require_http_methods(METHODS)
def webhook_create(request: PageRequest) -> HttpResponse:
    form = WebhookForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        try:
            made = create_endpoint(acting_user=request.user, **form.webhook_fields())
        except WebhookProblem as problem:
            form.add_error(problem.field, str(problem))
        else:
            return _secret(request, made, status=201)
    return render(request, "webhooks/form.html", {"form": form}, status=422 if form.is_bound else 200)


@page("webhooks.view")
@require_safe
def webhook(request: PageRequest, webhook_id: UUID) -> HttpResponse:
    endpoint = _endpoint_or_404(webhook_id)
    rows: Any = deliveries_of(endpoint.pk)
    found = keyset_page(request, rows, by="created_at", size=DELIVERIES_SHOWN)
    logs = attempts_of(found.rows)
    context = {
        "endpoint": endpoint,
        "deliveries": [{"delivery": delivery, "log": logs[delivery.pk]} for delivery in found.rows],
        "newer_url": found.newer_url,
        "older_url": found.older_url,
        "older_secret_until": older_secret_signs_until(endpoint.pk, timezone.now()),
    }
    return render(request, "webhooks/detail.html", context)


@page("webhooks.change")
@require_http_methods(METHODS)
def webhook_edit(request: PageRequest, webhook_id: UUID) -> HttpResponse:
    endpoint = _endpoint_or_404(webhook_id)
    form = WebhookForm(request.POST if request.method == "POST" else None, endpoint=endpoint)
    if form.is_bound and form.is_valid():
        try:
            change_endpoint(
                endpoint_id=endpoint.pk, acting_user=request.user, now=timezone.now(), **form.webhook_fields()
            )
        except WebhookProblem as problem:
            form.add_error(problem.field, str(problem))
        else:
            messages.success(request, "The webhook is changed.")
            return redirect("webhooks:one", endpoint.pk)
    context = {"form": form, "endpoint": endpoint}
    return render(request, "webhooks/form.html", context, status=422 if form.is_bound else 200)


@page("webhooks.change")
@require_POST
def webhook_pause(request: PageRequest, webhook_id: UUID) -> HttpResponse:
    endpoint = _endpoint_or_404(webhook_id)
    paused = request.POST.get("paused") == "1"
    change_endpoint(endpoint_id=endpoint.pk, acting_user=request.user, now=timezone.now(), is_paused=paused)
    told = "It is paused: what happens is kept for it." if paused else "It works again: what waited is sent now."
    messages.success(request, told)
    return redirect("webhooks:one", endpoint.pk)


@page("webhooks.change")
@require_POST
def webhook_test(request: PageRequest, webhook_id: UUID) -> HttpResponse:
    endpoint = _endpoint_or_404(webhook_id)
    try:
        send_test(endpoint_id=endpoint.pk, acting_user=request.user, now=timezone.now())
    except WebhookProblem as problem:
        messages.warning(request, str(problem))
    else:
        messages.success(request, "A test is on its way. What came of it appears here in a moment.")
    return redirect("webhooks:one", endpoint.pk)


@page("webhooks.change")
@require_POST
def webhook_redeliver(request: PageRequest, webhook_id: UUID, delivery_id: UUID) -> HttpResponse:
    endpoint = _endpoint_or_404(webhook_id)
    try:
        redeliver(endpoint_id=endpoint.pk, delivery_id=delivery_id, acting_user=request.user, now=timezone.now())
    except WebhookProblem as problem:
        messages.warning(request, str(problem))
    else:
        messages.success(request, "It is sent again. What came of it appears here in a moment.")
    return redirect("webhooks:one", endpoint.pk)


@page("webhooks.change")
@never_cache
@require_http_methods(METHODS)
def webhook_rotate(request: PageRequest, webhook_id: UUID) -> HttpResponse:
    endpoint = _endpoint_or_404(webhook_id)
    form = RotationForm(request.POST if request.method == "POST" else None)
    if form.is_bound and form.is_valid():
        overlap = timedelta(hours=int(form.cleaned_data["overlap"]))
        made = rotate_secret(endpoint_id=endpoint.pk, acting_user=request.user, now=timezone.now(), overlap=overlap)
        return _secret(request, made, status=200)
    context = {
        "endpoint": endpoint,
        "form": form,
        "older_secret_until": older_secret_signs_until(endpoint.pk, timezone.now()),
        "confirm_title": f"Give “{endpoint}” a new secret?",
        "confirm_label": "Make a new secret",
        "cancel_url": reverse("webhooks:one", args=[endpoint.pk]),
    }
    return render(request, "webhooks/rotate.html", context, status=422 if form.is_bound else 200)


@page("webhooks.change")
@require_http_methods(METHODS)
def webhook_delete(request: PageRequest, webhook_id: UUID) -> HttpResponse:
    endpoint = _endpoint_or_404(webhook_id)
    if request.method == "POST":
        delete_endpoint(endpoint_id=endpoint.pk, acting_user=request.user, now=timezone.now())
        messages.success(request, f"“{endpoint}” is deleted: nothing is sent to it any more.")
        return redirect("webhooks:all")
    context = {
        "endpoint": endpoint,
        "confirm_title": f"Delete “{endpoint}”?",
        "confirm_label": "Delete the webhook",
        "confirm_tone": "danger",
        "cancel_url": reverse("webhooks:one", args=[endpoint.pk]),
    }
    return render(request, "webhooks/delete.html", context)


@page("webhooks.view")
@require_safe
def webhook_kinds(request: PageRequest) -> HttpResponse:
    return render(request, "webhooks/kinds.html", {"kinds": published_kinds()})


def _secret(request: PageRequest, made: ShownSecret, *, status: int) -> HttpResponse:
    """Show the secret, this once: there is no address at which it could be seen again."""
    context = {
        "endpoint": made.endpoint,
        "secret": made.text,
        "older_secret_until": older_secret_signs_until(made.endpoint.pk, timezone.now()),
    }
    return render(request, "webhooks/secret.html", context, status=status)


def _endpoint_or_404(webhook_id: UUID) -> Any:
    endpoint = endpoints_in_order().filter(pk=webhook_id).first()
    if endpoint is None:
        raise Http404
    return endpoint
