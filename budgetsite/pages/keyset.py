"""Pages of a long list by where they begin, not by their number: as quick at the end as at the start."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[Row]):
    """The rows, and the addresses of the pages before and after; empty where there are none."""

    rows: list[Row]
    newer_url: str
    older_url: str


def keyset_page(request: HttpRequest, rows: QuerySet[Row], *, by: str, size: int = 25) -> KeysetPage[Row]:
    """Return one page of `rows`, those with the latest `by` (a datetime) first, ties by id.

    A position that cannot be read, from an address typed or cut off, is the first page.
    """
    after, before = position_in(request, "older"), position_in(request, "newer")
    if before is not None:
        moment, pk = before
        found = list(
            rows.filter(Q(**{f"{by}__gt": moment}) | Q(**{by: moment, "pk__gt": pk})).order_by(by, "pk")[: size + 1]
        )
        more_newer, more_older = len(found) > size, True
        found = found[:size][::-1]
    else:
        if after is not None:
            moment, pk = after
            rows = rows.filter(Q(**{f"{by}__lt": moment}) | Q(**{by: moment, "pk__lt": pk}))
        found = list(rows.order_by(f"-{by}", "-pk")[: size + 1])
        more_newer, more_older = after is not None, len(found) > size
        found = found[:size]
    return KeysetPage(
        rows=found,
        newer_url=address(request, newer=position(getattr(found[0], by), found[0].pk)) if found and more_newer else "",
        older_url=address(request, older=position(getattr(found[-1], by), found[-1].pk))
        if found and more_older
        else "",
    )


def position(moment: Any, key: Any) -> str:
    text = json.dumps([moment.isoformat(), str(key)], separators=(",", ":"))
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def position_in(request: HttpRequest, name: str, *, key: Callable[[str], Any] = UUID) -> tuple[Any, Any] | None:
    """Return moment and key of the position in the address, or None."""
    text = request.GET.get(name, "")
    try:
        moment_text, key_text = json.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        moment = parse_datetime(moment_text)
        return None if moment is None or moment.tzinfo is None else (moment, key(key_text))
    except (NotBase64, ValueError, TypeError, AttributeError):
        return None


def address(request: HttpRequest, **positions: str) -> str:
    """Return this page's address at another position, its filters kept."""
    query = request.GET.copy()
    for name in ("older", "newer"):
        query.pop(name, None)
    query.update(positions)
    return f"?{query.urlencode()}"
