"""Pages of a long list by where they begin, not by their number: as quick at the end as at the start."""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from uuid import UUID

from django.db.models import Case, Model, Q, QuerySet
from django.http import HttpRequest
from django.utils.dateparse import parse_datetime

Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[Row]):
    """The rows, and the addresses of the pages before and after; empty where there are none."""

    rows: list[Row]
    newer_url: str
    older_url: str


def keyset_page(
    request: HttpRequest, rows: QuerySet[Row], *, by: str, rank: Case | None = None, size: int = 25
) -> KeysetPage[Row]:
    """Return one page of `rows`, those with the latest `by` (a datetime) first, ties by id.

    With a `rank` (a whole number) those of the lowest come before all others. A position that cannot be read, from an
    address typed or cut off, is the first page.
    """
    ranked = rank is not None
    ordered: QuerySet[Any] = rows.annotate(page_rank=rank) if ranked else rows
    ordered = ordered.order_by(*["page_rank"] * ranked, f"-{by}", "-pk")
    key = _rank_and_id if ranked else UUID
    after, before = position_in(request, "older", key=key), position_in(request, "newer", key=key)
    if before is not None:
        found = list(ordered.filter(_on_side_of(before, by, newer=True)).reverse()[: size + 1])
        more_newer, more_older = len(found) > size, True
        found = found[:size][::-1]
    else:
        if after is not None:
            ordered = ordered.filter(_on_side_of(after, by, newer=False))
        found = list(ordered[: size + 1])
        more_newer, more_older = after is not None, len(found) > size
        found = found[:size]

    def place_of(row: Any) -> str:
        return position(getattr(row, by), f"{row.page_rank}.{row.pk}" if ranked else row.pk)

    return KeysetPage(
        rows=found,
        newer_url=address(request, newer=place_of(found[0])) if found and more_newer else "",
        older_url=address(request, older=place_of(found[-1])) if found and more_older else "",
    )


def _on_side_of(place: tuple[Any, Any], by: str, *, newer: bool) -> Q:
    moment, key = place
    side, rank_side = ("gt", "lt") if newer else ("lt", "gt")
    rank, pk = key if isinstance(key, tuple) else (None, key)
    within = Q(**{f"{by}__{side}": moment}) | Q(**{by: moment, f"pk__{side}": pk})
    return within if rank is None else Q(**{f"page_rank__{rank_side}": rank}) | Q(page_rank=rank) & within


def _rank_and_id(text: str) -> tuple[int, UUID]:
    rank, pk = text.split(".")
    if len(rank) != 1:
        raise ValueError(f"{rank} is no rank")
    return int(rank), UUID(pk)


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
