"""What lets an open page follow what happens: see static/budgetsite/live.js."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpRequest

# Sent by an open page that reads itself anew.
ANEW = "Live-Refresh"

# Asked for the place in an account's journal. The base stands below whoever keeps journals, who registers it here.
Places = Callable[[UUID], str]
_places: list[Places] = []


def register_places(ask: Places) -> None:
    """Let pages follow what happens in an account from the place that `ask` returns; nothing where none is known."""
    _places[:] = [ask]


def remember_place(request: HttpRequest) -> None:
    """Note where the account's journal ends before the page's figures are read, as `request.live_since`.

    Only for whole pages that somebody opens: parts of pages, and pages read anew, are listened for already.
    """
    asked: Any = request
    is_part = "HX-Request" in request.headers or ANEW in request.headers
    is_opened = request.method == "GET" and not is_part
    asked.live_since = next((ask(asked.account.pk) for ask in _places), None) if is_opened else None
