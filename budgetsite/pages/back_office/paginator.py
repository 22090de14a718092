"""Pages of a long list without counting it."""

from django.core.paginator import Paginator
from django.http import HttpRequest
from django.utils.functional import cached_property

PAGES_AHEAD = 10


class NearPaginator(Paginator):
    """Counts no further than a few pages past the one that is shown, so that long lists cost no more."""

    def __init__(self, *args, reach: int, **kwargs) -> None:
        super().__init__(*args, **kwargs)
        self.reach = reach

    @classmethod
    def for_request(cls, request: HttpRequest, queryset, per_page: int, **kwargs) -> "NearPaginator":
        asked = request.GET.get("p", "1")
        page = int(asked) if asked.isascii() and asked.isdigit() and len(asked) < 7 else 1
        return cls(queryset, per_page, reach=(page + PAGES_AHEAD) * per_page, **kwargs)

    @cached_property
    def count(self) -> int:
        # The slice becomes a LIMIT inside the counted sub-select.
        return self.object_list.order_by()[: self.reach].count()

    @property
    def is_cut_short(self) -> bool:
        return self.count >= self.reach
