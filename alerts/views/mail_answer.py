"""Acknowledging an alert by the link in its mail: looking changes nothing, a press does it once."""

from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from alerts.forms.alert import ReactionForm
from alerts.services.mail_answer import BadLink, LinkExpired, NotYoursToAnswer, acknowledge_by_link, look_by_link
from alerts.services.problems import AlertProblem
from budgetsite.api.throttling import mail_link_wait

# The others say what has become of the alert meanwhile, and are no error of whoever follows the link.
_STATUS: dict[type[AlertProblem], HTTPStatus] = {
    BadLink: HTTPStatus.NOT_FOUND,
    NotYoursToAnswer: HTTPStatus.NOT_FOUND,
    LinkExpired: HTTPStatus.GONE,
}


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def acknowledge_by_mail(request: HttpRequest, token: str) -> HttpResponse:
    wait = mail_link_wait(request)
    if wait is not None:
        response = _page(
            request, HTTPStatus.TOO_MANY_REQUESTS, problem="Too many links at once. Try again in a minute."
        )
        response["Retry-After"] = str(wait)
        return response
    form = ReactionForm(request.POST if request.method == "POST" else None)
    try:
        if form.is_bound and form.is_valid():
            asked = acknowledge_by_link(token, now=timezone.now(), comment=form.cleaned_data["comment"])
            return _page(request, HTTPStatus.OK, asked=asked, is_done=True)
        asked = look_by_link(token)
    except AlertProblem as problem:
        status = _STATUS.get(type(problem), HTTPStatus.OK)
        return _page(request, status, problem=str(problem), may_sign_in=status != HTTPStatus.NOT_FOUND)
    status = HTTPStatus.UNPROCESSABLE_ENTITY if form.is_bound else HTTPStatus.OK
    return _page(request, status, asked=asked, form=form)


def _page(request: HttpRequest, status: HTTPStatus, **context: Any) -> HttpResponse:
    response = render(request, "alerts/mail_answer.html", context, status=status)
    response["X-Robots-Tag"] = "noindex"
    return response
