"""The admin site: who enters, what they see first, and what every page is wrapped in."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import update_wrapper
from typing import Any
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib.auth import logout as end_session
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, resolve_url
from django.template.response import SimpleTemplateResponse
from django.urls import path
from django.utils import timezone
from unfold.sites import UnfoldAdminSite

from budgetsite.accounts.permissions import may
from budgetsite.pages.back_office.requests import StaffRequest
from budgetsite.pages.liveliness import remember_place
from budgetsite.tenancy.scope import current_scope, scope


@dataclass(frozen=True, slots=True)
class PanelRow:
    """One line of a panel: where it leads (if anywhere), what it is called, and what stands beside it.

    `figures` are the keywords of the tag `money_bar`, None for a row without money.
    """

    title: str
    url: str = ""
    note: str = ""
    badge: str = ""
    tone: str = "neutral"
    figures: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Panel:
    """A question of the start page with its answer; `empty` says what nothing means, or what to do then."""

    title: str
    rows: Sequence[PanelRow]
    empty: str
    more_url: str = ""
    more_label: str = ""
    has_more: bool = False
    links: Sequence[tuple[str, str]] = field(default_factory=tuple)


PANEL_ROWS = 6
# What the apps put on the start page, in their order.
_PANELS: list[tuple[int, Callable[[StaffRequest], Panel | None]]] = []


def panel(order: int) -> Callable[[Callable[[StaffRequest], Panel | None]], Any]:
    """`@panel(10)` puts a function's panel on the start page, lowest first."""

    def register(build: Callable[[StaffRequest], Panel | None]) -> Any:
        _PANELS.append((order, build))
        return build

    return register


# Pages that are about no single table: address below /admin/, name, view.
_PAGES: list[tuple[str, str, Callable[..., HttpResponse]]] = []


def staff_page(route: str, *, name: str) -> Callable[[Callable[..., HttpResponse]], Any]:
    """`@staff_page("operations/", name="operations")` makes a view a page of the back office, `admin:operations`."""

    def register(view: Callable[..., HttpResponse]) -> Any:
        _PAGES.append((route, name, view))
        return view

    return register


class StaffAdminSite(UnfoldAdminSite):
    """Entered by the back office of the account chosen, and by platform staff who have chosen one."""

    index_title = "What waits for you"
    index_template = "admin/start.html"

    def has_permission(self, request: StaffRequest) -> bool:
        return bool(
            request.user.is_active
            and getattr(request, "account", None) is not None
            and may(request.role, "admin.enter")
        )

    def admin_view(self, view: Callable[..., Any], cacheable: bool = False) -> Callable[..., Any]:
        inner = super().admin_view(view, cacheable)

        def entered(request: StaffRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            turned_away = self._turn_away(request)
            if turned_away is not None:
                return turned_away
            # A view may widen the scope (deleted rows) or change the zone (an event's) up to the end of its page.
            with scope(current_scope()), timezone.override(ZoneInfo(request.account.timezone)):
                response = inner(request, *args, **kwargs)
                if isinstance(response, SimpleTemplateResponse):
                    response.render()
            return response

        return update_wrapper(entered, view)

    def get_urls(self) -> list[Any]:
        pages = [path(route, self.admin_view(view), name=name) for route, name, view in _PAGES]
        return [*pages, *super().get_urls()]

    def _turn_away(self, request: StaffRequest) -> HttpResponse | None:
        if not request.user.is_authenticated:
            return redirect_to_login(request.get_full_path(), resolve_url(settings.LOGIN_URL))
        if request.account is None:
            return redirect_to_login(request.get_full_path(), resolve_url(settings.CHOOSE_ACCOUNT_URL))
        if not self.has_permission(request):
            raise PermissionDenied(f"The back office is for the owners, managers and staff of {request.account}.")
        return None

    def login(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """There is one sign-in for the whole site."""
        return redirect_to_login(request.GET.get("next") or "/admin/", resolve_url(settings.LOGIN_URL))

    def logout(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # A link alone signs nobody out; the page it leads to asks.
        if request.method != "POST":
            return redirect("sign-out")
        end_session(request)
        return redirect(settings.LOGOUT_REDIRECT_URL)

    def password_change(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """One page for it on the whole site."""
        return redirect("password-change")

    def search(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        # The theme's own search caches its answers by person, across accounts; each list has a search of its own.
        raise Http404

    def index(self, request: StaffRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        remember_place(request)
        panels = [build(request) for _, build in sorted(_PANELS, key=lambda entry: entry[0])]
        shown = [found for found in panels if found is not None]
        return super().index(request, {"panels": shown, **(extra_context or {})})

    def each_context(self, request: StaffRequest) -> dict[str, Any]:
        context = super().each_context(request)
        # The colours lie in our stylesheet: the theme would write them into each page as an inline style.
        context["colors"] = {}
        context["choose_account_url"] = resolve_url(settings.CHOOSE_ACCOUNT_URL)
        return context
