"""The pages of signing in and out, of passwords, and of choosing the account to work in."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth import views as auth
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse, reverse_lazy
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST
from django.views.generic import FormView, TemplateView

from budgetsite.accounts.forms import ChangePasswordForm, NewPasswordForm, PasswordResetForm, SignInForm
from budgetsite.accounts.middleware import SESSION_KEY
from budgetsite.accounts.password_reset import link_lasts, request_password_reset
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import memberships_of
from budgetsite.accounts.sign_in import NotAMember, choose_account, forget_failures, found_accounts, has_one_account
from budgetsite.api.throttling import sign_in_wait

ACCOUNTS_SHOWN = 50


def limited_by_address(view: Callable[..., HttpResponseBase]) -> Callable[..., HttpResponseBase]:
    """Count what is sent against `THROTTLE_SIGN_IN`; looking at the form is free."""

    def limited(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        wait = sign_in_wait(request) if request.method == "POST" else None
        if wait is None:
            return view(request, *args, **kwargs)
        response = render(request, "429.html", {"retry_after": wait}, status=429)
        response["Retry-After"] = str(wait)
        return response

    return limited


def safe_next(request: HttpRequest) -> str:
    """Return the address to go on to, when it is one of this site's; else an empty string."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(asked, allowed_hosts={request.get_host()}, require_https=request.is_secure())
    return asked if safe else ""


def locked_out(request: HttpRequest, response: HttpResponse, credentials: dict[str, Any]) -> HttpResponse:
    """Leave the answer to a locked-out attempt as its view made it (setting `AXES_LOCKOUT_CALLABLE`)."""
    return response


@method_decorator(limited_by_address, name="dispatch")
class SignIn(auth.LoginView):
    form_class = SignInForm
    template_name = "accounts/sign_in.html"
    redirect_authenticated_user = True

    def form_valid(self, form: Any) -> HttpResponse:
        # Gives the session a new key, so that one planted in this browser beforehand is worth nothing.
        login(self.request, form.get_user())
        self.request.session.pop(SESSION_KEY, None)
        return redirect(self.get_success_url())

    def form_invalid(self, form: Any) -> HttpResponse:
        page = self.get_context_data(form=form)
        if form.locked is None:
            return self.render_to_response(page)
        response = self.render_to_response(page, status=429)
        response["Retry-After"] = str(form.locked.seconds)
        return response

    def get_success_url(self) -> str:
        asked = self.get_redirect_url()
        request: Any = self.request
        if request.account is None and not has_one_account(request.user):
            return _with_next("choose-account", asked)
        return asked or resolve_url("home")


class SignOut(auth.LogoutView):
    """Signs out what is posted; a link or a bookmark gets a page with the button."""

    http_method_names = ["get", "post", "options"]
    template_name = "accounts/sign_out.html"

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not request.user.is_authenticated:
            return redirect("sign-in")
        return render(request, self.template_name)

    def get_success_url(self) -> str:
        messages.success(self.request, "You are signed out.")
        return resolve_url("sign-in")


@method_decorator([never_cache, limited_by_address], name="dispatch")
class PasswordReset(FormView):
    form_class = PasswordResetForm
    template_name = "accounts/password_reset.html"
    success_url = reverse_lazy("password-reset-sent")

    def form_valid(self, form: PasswordResetForm) -> HttpResponse:
        request_password_reset(email=form.cleaned_data["email"], site_address=self.request.build_absolute_uri("/"))
        return super().form_valid(form)


class PasswordResetSent(TemplateView):
    template_name = "accounts/password_reset_sent.html"
    extra_context = {"lasts": link_lasts}


@method_decorator(limited_by_address, name="dispatch")
class PasswordResetConfirm(auth.PasswordResetConfirmView):
    """Takes the link's token out of the address before the form is shown, so that it doesn't stay in the history."""

    form_class = NewPasswordForm
    template_name = "accounts/password_reset_confirm.html"
    extra_context = {"lasts": link_lasts}
    success_url = reverse_lazy("password-reset-done")

    def form_valid(self, form: Any) -> HttpResponse:
        forget_failures(form.user.email)
        return super().form_valid(form)


class PasswordResetDone(TemplateView):
    template_name = "accounts/password_reset_done.html"


@method_decorator(limited_by_address, name="dispatch")
class ChangePassword(auth.PasswordChangeView):
    form_class = ChangePasswordForm
    template_name = "accounts/password_change.html"

    def get_success_url(self) -> str:
        messages.success(
            self.request, "Your password is changed. Other browsers and programs that used the old one are signed out."
        )
        return resolve_url("home")


@login_required
def choose(request: HttpRequest) -> HttpResponse:
    """The accounts that the person may work in: their own; for a platform superuser all, by a search."""
    user: Any = request.user
    memberships = []
    if not user.is_superuser:
        memberships = [{"account": row.tenant, "role": Role(row.role).label} for row in memberships_of(user)]
    search = request.GET.get("search", "").strip()[:100]
    found = found_accounts(search, limit=ACCOUNTS_SHOWN + 1) if user.is_superuser else []
    return render(
        request,
        "accounts/choose_account.html",
        {
            "choices": memberships,
            "found": found[:ACCOUNTS_SHOWN],
            "more_found": len(found) > ACCOUNTS_SHOWN,
            "search": search,
            "next": safe_next(request),
        },
    )


@require_POST
@login_required
def switch(request: HttpRequest) -> HttpResponse:
    """Work in another account from here on."""
    user: Any = request.user
    asked = request.POST.get("account", "")
    try:
        standing = choose_account(user, str(UUID(asked)))
    except (ValueError, NotAMember):
        messages.error(request, "You don't belong to that account any more. Choose one of these.")
        return redirect(_with_next("choose-account", safe_next(request)))
    request.session[SESSION_KEY] = str(standing.account.pk)
    messages.success(request, f"You work in {standing.account.name} now.")
    return HttpResponseRedirect(safe_next(request) or resolve_url("home"))


def _with_next(name: str, address: str) -> str:
    query = f"?{urlencode({'next': address})}" if address else ""
    return reverse(name) + query
