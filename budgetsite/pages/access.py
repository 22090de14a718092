"""Who gets to a page: signed in, in an account, and with a role that may do what the page is for."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django_htmx.middleware import HtmxDetails

from budgetsite.accounts.models import Account, User
from budgetsite.accounts.permissions import article, may
from budgetsite.accounts.permissions import who_may as who_may
from budgetsite.accounts.roles import Role
from budgetsite.pages.liveliness import remember_place

View = Callable[..., HttpResponseBase]


class PageRequest(HttpRequest):
    """What a view behind `page` is given: someone in an account. `htmx` is django-htmx's."""

    user: User
    account: Account
    role: Role
    htmx: HtmxDetails


def page(action: str | None = None) -> Callable[[View], View]:
    """Let in whoever is signed in to an account and may do `action` (any member, when it is None).

    Others are sent to sign in or to choose an account; a role that may not is answered 403 with who may.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def guarded(request: Any, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if request.account is None:
                return redirect("choose-account")
            if action is not None:
                demand(request.role, action)
            remember_place(request)
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def demand(role: Role, action: str) -> None:
    """Raise `PermissionDenied`, in words that say who may, unless `role` may do `action`."""
    if not may(role, action):
        raise PermissionDenied(f"You are {article(role)} {role.label.lower()} here. {who_may(action)}")


def visible(request: PageRequest) -> dict[str, Any]:
    """The arguments of each queryset's `visible_to` for whoever asks."""
    return {"user_id": request.user.pk, "role": request.role}
