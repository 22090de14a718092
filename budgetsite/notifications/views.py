"""One's own inbox and choices, the way from a mail to what it tells of, and ending a type of mail by its link."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from budgetsite.accounts.models import Account, User
from budgetsite.accounts.permissions import may
from budgetsite.accounts.selectors import membership_in
from budgetsite.notifications.forms import ChoicesForm
from budgetsite.notifications.links import BadLink, read_token
from budgetsite.notifications.models import Notification
from budgetsite.notifications.selectors import (
    choices_of,
    inbox_of,
    is_refused,
    mail_trouble_of,
    refused_people,
    settings_of,
    told_to,
)
from budgetsite.notifications.services.bouncing import trust_address
from budgetsite.notifications.services.inbox import NotificationNotFound, mark_all_read, mark_read
from budgetsite.notifications.services.preferences import change_choices, end_mails
from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.keyset import keyset_page
from budgetsite.privacy.models import ConsentSource
from budgetsite.privacy.registry import notification_types
from budgetsite.tenancy.scope import tenant_scope

METHODS = ["GET", "HEAD", "POST"]
TROUBLE_SHOWN_FOR = timedelta(days=30)


@never_cache
@page()
@require_safe
def inbox(request: PageRequest) -> HttpResponse:
    only_unread = request.GET.get("show") == "unread"
    rows = inbox_of(request.user.pk)
    found = keyset_page(request, rows.filter(read_at=None) if only_unread else rows, by="created_at")
    tabs = [
        {"label": "Everything", "url": "?", "current": not only_unread},
        {"label": "Unread", "url": "?show=unread", "current": only_unread},
    ]
    context = {
        "notifications": [_entry(told) for told in found.rows],
        "newer_url": found.newer_url,
        "older_url": found.older_url,
        "only_unread": only_unread,
        "tabs": tabs,
        "address_refused": is_refused(settings_of(request.user), request.user),
        "refused_count": len(refused_people()) if may(request.role, "people.change") else 0,
    }
    return render(request, "notifications/inbox.html", context)


@page()
@require_POST
def read_one(request: PageRequest, notification_id: UUID) -> HttpResponse:
    try:
        told = mark_read(notification_id=notification_id, acting_user=request.user, now=timezone.now())
    except NotificationNotFound as problem:
        raise Http404 from problem
    messages.success(request, "Marked as read.")
    back = _back(request)
    if not request.htmx:
        return redirect(back)
    context = _entry(told) | {"only_unread": QueryDict(back.partition("?")[2]).get("show") == "unread"}
    return render(request, "notifications/parts/marked.html", context)


@page()
@require_POST
def read_all(request: PageRequest) -> HttpResponse:
    marked = mark_all_read(acting_user=request.user, now=timezone.now())
    messages.success(request, "Everything is marked as read." if marked else "Everything was read already.")
    return redirect("notifications:inbox")


@never_cache
@require_safe
def follow(request: HttpRequest, account_id: UUID, notification_id: UUID) -> HttpResponse:
    """Lead to what a notification tells of, and mark it as read; to another account of one's own by a press."""
    asked: Any = request
    if not asked.user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    if asked.account is None or asked.account.pk != account_id:
        membership = membership_in(account_id, user_id=asked.user.pk)
        if membership is None:
            raise Http404
        return render(request, "notifications/other_account.html", {"other": membership.tenant})
    told = told_to(asked.user.pk).filter(pk=notification_id).first()
    if told is None:
        raise Http404
    # What a browser fetches in advance nobody has seen.
    if "prefetch" not in request.headers.get("Sec-Purpose", request.headers.get("Purpose", "")):
        mark_read(notification_id=told.pk, acting_user=asked.user, now=timezone.now())
    return redirect(_path_of(told))


@never_cache
@page()
@require_http_methods(METHODS)
def choices(request: PageRequest) -> HttpResponse:
    """What one is told of, how and when. The addresses that refuse mail, for those who look after people."""
    kept = settings_of(request.user)
    form = ChoicesForm(
        request.POST if request.method == "POST" else None,
        choices=choices_of(request.user),
        kept=kept,
        account=request.account,
    )
    if form.is_bound and form.is_valid():
        change_choices(acting_user=request.user, choices=form.changes(), source=ConsentSource.PAGE, **form.settings())
        messages.success(request, "Your choices are kept.")
        return redirect("notifications:settings")
    context = {
        "form": form,
        "kept": kept,
        "address_refused": is_refused(kept, request.user),
        "trouble": mail_trouble_of(request.user, since=timezone.now() - TROUBLE_SHOWN_FOR),
    }
    return render(request, "notifications/settings.html", context, status=422 if form.is_bound else 200)


@page()
@require_POST
def address_works(request: PageRequest) -> HttpResponse:
    trust_address(acting_user=request.user)
    messages.success(request, f"From now on mail is sent to {request.user.email} again.")
    return redirect("notifications:settings")


@page("people.change")
@require_safe
def refused(request: PageRequest) -> HttpResponse:
    """Members whom no mail reaches."""
    return render(request, "notifications/refused.html", {"refused": refused_people()})


@never_cache
# The signed address is what allows it; mail programs send no cookies and no token.
@csrf_exempt
@require_http_methods(METHODS)
def unsubscribe(request: HttpRequest, token: str) -> HttpResponse:
    """End types of mail, by POST (RFC 8058, or the page's button). To look at it changes nothing."""
    try:
        wanted = read_token(token)
    except BadLink as problem:
        return render(request, "notifications/unsubscribe.html", {"problem": str(problem)}, status=404)
    known = notification_types()
    context: dict[str, Any] = {
        "labels": [known[name].label for name in wanted.notification_types if name in known],
    }
    with tenant_scope(wanted.tenant_id):
        account = Account.objects.filter(pk=wanted.tenant_id).first()
        person = User.objects.filter(pk=wanted.person_id).first()
        if account is not None and person is not None and request.method == "POST":
            end_mails(person=person, notification_types=wanted.notification_types)
            context["is_done"] = True
    context["from_account"] = account
    return render(request, "notifications/unsubscribe.html", context)


def _entry(told: Notification) -> dict[str, Any]:
    known = notification_types().get(told.notification_type)
    return {"told": told, "type": "" if known is None else known.label}


def _back(request: HttpRequest) -> str:
    address = request.POST.get("next", "")
    mine = reverse("notifications:inbox")
    return address if address.partition("?")[0] == mine else mine


def _path_of(told: Notification) -> str:
    """Return where it leads: never to another site."""
    if told.path.startswith("/") and url_has_allowed_host_and_scheme(told.path, allowed_hosts=None):
        return told.path
    return reverse("notifications:inbox")
