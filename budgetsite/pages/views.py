"""Pages that belong to the shell of all pages."""

from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from budgetsite.pages.access import PageRequest, page


@page()
@require_safe
def counters(request: PageRequest) -> HttpResponse:
    """The counts of the navigation alone, for open pages in which nothing else has changed."""
    return render(request, "components/counters_anew.html")
