"""By what a report's entries are put together: each grouping with the SQL of its keys."""

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from budgets.models import ScopeType

LONGEST_KEY = 100
METADATA, TAG = "metadata:", "tag:"


class GroupBy(StrEnum):
    DAY = "day"
    WEEK = "week"
    MONTH = "month"
    SOURCE = "source"
    KIND = "kind"
    EVENT = "event"
    BUDGET = "budget"
    USER = "user"
    TEAM = "team"
    PROJECT = "project"
    ORGANIZATION = "organization"
    # The labels that a budget has, all together.
    TAG = "tag"


TIMES = (GroupBy.DAY, GroupBy.WEEK, GroupBy.MONTH)

# A control character is no key that anybody has typed, and PostgreSQL keeps no NUL in a text.
_UNUSABLE = re.compile(r"[\x00-\x1f\x7f]")


class UnknownGrouping(ValueError):
    """The sentence says what there is."""

    def __init__(self) -> None:
        names = ", ".join(GroupBy)
        super().__init__(
            f"Group by {names}, tag:<key>, or the name of a metadata key, such as model or metadata:model "
            f"(up to {LONGEST_KEY} letters)."
        )


@dataclass(frozen=True, slots=True)
class Grouping:
    """`name` as it is answered: one of `GroupBy`, tag:<key> or metadata:<key>."""

    name: str

    @property
    def is_time(self) -> bool:
        return self.name in TIMES

    @property
    def metadata_key(self) -> str | None:
        return self.name.removeprefix(METADATA) if self.name.startswith(METADATA) else None

    @property
    def tag_key(self) -> str | None:
        return self.name.removeprefix(TAG) if self.name.startswith(TAG) else None

    @property
    def sql(self) -> "GroupingSql":
        if self.is_time:
            moment = "date_trunc(%(unit)s::text, e.occurred_at AT TIME ZONE %(zone)s::text)::date::text"
            return GroupingSql(usage=moment, funded=moment, parameters={"unit": self.name})
        if self.metadata_key is not None:
            # What events spend has no metadata.
            return GroupingSql(
                usage="e.metadata ->> %(metadata_key)s::text", parameters={"metadata_key": self.metadata_key}
            )
        if self.tag_key is not None:
            return GroupingSql(place=_TAG, usage="p.key", funded="p.key", parameters={"tag_key": self.tag_key})
        return _BY_NAME[GroupBy(self.name)]


@dataclass(frozen=True, slots=True)
class GroupingSql:
    """The key of a budget that money was spent from (`place`), of an entry of usage, and of an event's entry.

    `p` is that budget's row of the CTE `place`, `b` its own row, `e` the entry, `v` the event. Labels stand beside keys
    that say nothing to people.
    """

    place: str = "NULL::text"
    usage: str = "NULL::text"
    funded: str = "NULL::text"
    usage_label: str = "NULL::text"
    funded_label: str = "NULL::text"
    parameters: dict[str, Any] | None = None


def usual_grouping(days: int) -> Grouping:
    """Return the stretches of time in which so many days are still taken in at a glance."""
    return Grouping(GroupBy.DAY if days <= 62 else GroupBy.WEEK if days <= 186 else GroupBy.MONTH)


def read_grouping(text: str) -> Grouping:
    """Return what a text asks to group by; a name that is no other is a metadata key. Raises `UnknownGrouping`."""
    text = text.strip()
    prefix = next((prefix for prefix in (METADATA, TAG) if text.startswith(prefix)), "")
    key = text.removeprefix(prefix)
    if not key or len(key) > LONGEST_KEY or _UNUSABLE.search(key):
        raise UnknownGrouping
    return Grouping(text if prefix or text in set(GroupBy) else METADATA + key)


def _nearest(value: str, condition: str) -> str:
    """Return the SQL of a value of the budget itself, or of its nearest ancestor that has one."""
    return f"""(
        SELECT {value} FROM budgets_scopedbudget a
        WHERE a.tenant_id = %(tenant)s AND a.id = ANY (b.path || b.id) AND {condition}
        ORDER BY a.depth DESC LIMIT 1
    )"""


# Of keys with values the value; of labels the label itself, for budgets that have it.
_TAG = _nearest(
    "CASE jsonb_typeof(a.tags) WHEN 'object' THEN a.tags ->> %(tag_key)s::text ELSE %(tag_key)s::text END",
    "a.tags ? %(tag_key)s::text",
)
_LABELS = _nearest(
    "(SELECT string_agg(label, ', ' ORDER BY label) FROM jsonb_array_elements_text(a.tags) AS label)",
    "jsonb_typeof(a.tags) = 'array' AND a.tags <> '[]'::jsonb",
)


def _by_scope(scope_type: ScopeType) -> GroupingSql:
    return GroupingSql(
        place=_nearest("a.scope_id", "a.scope_type = %(scope_type)s"),
        usage="p.key",
        funded="p.key",
        parameters={"scope_type": scope_type.value},
    )


_BY_NAME = {
    GroupBy.SOURCE: GroupingSql(usage="e.source", funded="e.source"),
    GroupBy.KIND: GroupingSql(usage="e.kind", funded="e.kind"),
    GroupBy.EVENT: GroupingSql(funded="f.event_id::text", funded_label="v.name"),
    GroupBy.BUDGET: GroupingSql(
        place="b.id::text", usage="p.key", funded="p.key", usage_label="p.name", funded_label="p.name"
    ),
    GroupBy.USER: _by_scope(ScopeType.USER),
    GroupBy.TEAM: _by_scope(ScopeType.TEAM),
    GroupBy.PROJECT: _by_scope(ScopeType.PROJECT),
    GroupBy.ORGANIZATION: _by_scope(ScopeType.ORGANIZATION),
    GroupBy.TAG: GroupingSql(place=_LABELS, usage="p.key", funded="p.key"),
}
