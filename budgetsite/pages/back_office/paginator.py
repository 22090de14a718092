"""Pages of a long list without counting it."""

from typing import Any

from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.utils.functional import cached_property

from budgetsite.pages.back_office.requests import StaffRequest

PAGES_AHEAD = 10


class NearPaginator(Paginator):
    """Counts no further than a few pages past the one that is shown, so that long lists cost no more."""

    def __init__(self, queryset: QuerySet[Any], per_page: int, *, reach: int, **kwargs: Any) -> None:
        super().__init__(queryset, per_page, **kwargs)
        self.queryset = queryset
        self.reach = reach

    @classmethod
    def for_request(cls, request: StaffRequest, queryset, per_page: int, **kwargs) -> "NearPaginator":
        asked = request.GET.get("p", "1")
        page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
        return cls(queryset, per_page, reach=(page + PAGES_AHEAD) * per_page, **kwargs)

    @cached_property
    def count(self) -> int:
        # The slice becomes a LIMIT inside the counted sub-select.
        return self.queryset.order_by()[: self.reach].count()

    @property
    def is_cut_short(self) -> bool:
        return self.count >= self.reach
