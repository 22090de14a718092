"""The page on which people see what is done with their data, and decide what they decide about it."""

from typing import cast

from django.contrib import messages
from django.http import FileResponse, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from budgetsite.pages.access import PageRequest, page
from budgetsite.pages.keyset import keyset_page
from budgetsite.privacy.forms import ConsentForm
from budgetsite.privacy.models import ConsentSource
from budgetsite.privacy.selectors import accesses_to
from budgetsite.privacy.services.consent import choose_consents, consents_of
from budgetsite.privacy.services.person_export import zipped_person

OWN_PAGE = "Their own page"


@page()
@require_safe
def my_privacy(request: PageRequest) -> HttpResponse:
    seen = keyset_page(request, accesses_to(request.user), by="created_at")
    return render(
        request,
        "privacy/mine.html",
        {
            "form": ConsentForm(consents=consents_of(request.user.pk)),
            "accesses": seen.rows,
            "newer_url": seen.newer_url,
            "older_url": seen.older_url,
        },
    )


@page()
@require_POST
def change_consents(request: PageRequest) -> HttpResponse:
    form = ConsentForm(request.POST, consents=consents_of(request.user.pk))
    # Ticks cannot be wrong.
    form.full_clean()
    changed = choose_consents(person=request.user, wanted=form.wanted, source=ConsentSource.PAGE)
    messages.success(request, "Your choice is kept." if changed else "That was your choice already.")
    return redirect("privacy:mine")


@never_cache
@page()
@require_POST
def take_my_data(request: PageRequest) -> HttpResponse:
    archive = zipped_person(person=request.user, account=request.account, place=OWN_PAGE, now=timezone.now())
    answer = FileResponse(archive, as_attachment=True, filename=f"my-data-{request.account.slug}.zip")
    return cast(HttpResponse, answer)
