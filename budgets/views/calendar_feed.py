"""Secret addresses for people's calendars: one's own list of them, and the calendar that each answers with."""

import hashlib
from collections.abc import Callable
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.cache import get_conditional_response
from django.utils.http import quote_etag
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from budgets.forms.calendar_feed import CalendarFeedForm
from budgets.models import CalendarFeed, Expense
from budgets.selectors.payments_due import payments_due
from budgets.services.calendar_feed import FeedNotFound, make_feed, read_feed, revoke_feed
from budgets.services.payment_calendar import payment_calendar
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.models import Account
from budgetsite.accounts.selectors import UnknownAccount, find_account
from budgetsite.api.throttling import calendar_wait
from budgetsite.pages.access import PageRequest, page
from budgetsite.tenancy.scope import tenant_scope

MOST_ENTRIES = 1000


@page("expenses.view")
@require_http_methods(["GET", "HEAD", "POST"])
def calendar_feeds(request: PageRequest) -> HttpResponse:
    """One's own addresses. A new one is shown this once: its secret is not kept."""
    form = CalendarFeedForm(request.POST if request.method == "POST" else None)
    address, status = "", 200
    if request.method == "POST":
        status = 422
        if form.is_valid():
            try:
                made = make_feed(name=form.cleaned_data["name"], acting_user=request.user)
            except BudgetProblem as problem:
                form.add_error(None, str(problem))
            else:
                path = reverse("budgets:calendar_feed", args=[request.account.slug, made.secret])
                address, form, status = request.build_absolute_uri(path), CalendarFeedForm(), 201
    feeds = CalendarFeed.objects.filter(user=request.user, revoked_at=None).order_by("created_at", "id")
    context = {"form": form, "feeds": feeds, "address": address}
    return render(request, "budgets/payments/feeds.html", context, status=status)


@page("expenses.view")
@require_POST
def calendar_feed_revoke(request: PageRequest, feed_id: UUID) -> HttpResponse:
    try:
        feed = revoke_feed(feed_id=feed_id, acting_user=request.user, now=timezone.now())
    except FeedNotFound as problem:
        raise Http404 from problem
    messages.success(request, f"“{feed.name}” is revoked: calendars that read it get nothing more.")
    return redirect("budgets:calendar_feeds")


@require_safe
def calendar_feed(request: HttpRequest, slug: str, secret: str) -> HttpResponse:
    """What is to be paid, for whoever holds the secret: as much as its person may see in the account at this moment.

    A stranger, a wrong account and a revoked address are all one 404.
    """
    wait = calendar_wait(request)
    if wait is not None:
        return HttpResponse("Too often: try again later.", status=429, headers={"Retry-After": str(wait)})
    try:
        account = find_account(slug)
        with tenant_scope(account.pk):
            content = _calendar(account, secret, _expense_address(request))
    except (UnknownAccount, FeedNotFound) as problem:
        raise Http404 from problem
    kept = {"ETag": quote_etag(hashlib.sha256(content).hexdigest()), "Cache-Control": "private, no-cache"}
    response = HttpResponse(content, content_type="text/calendar; charset=utf-8", headers=kept)
    response["Content-Disposition"] = 'inline; filename="payments.ics"'
    response["X-Robots-Tag"] = "noindex"
    return get_conditional_response(request, etag=kept["ETag"], response=response) or response


def _calendar(account: Account, secret: str, address_of: Callable[[Expense], str]) -> bytes:
    now = timezone.now()
    reader = read_feed(secret=secret, now=now)
    items = payments_due(user_id=reader.user.pk, role=reader.role, now=now, limit=MOST_ENTRIES)
    return payment_calendar(items, name=f"{account.name}: payments", address_of=address_of)


def _expense_address(request: HttpRequest) -> Callable[[Expense], str]:
    return lambda expense: request.build_absolute_uri(reverse("budgets:expense", args=[expense.pk]))
