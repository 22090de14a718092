"""The versions of a scoped budget, the last one first, each beside the one before it."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from budgets.models import ScopedBudget

STEPS_PER_PAGE = 25


@dataclass(frozen=True, slots=True)
class ScopedStep:
    """`what` is made, changed, deleted or restored; `earlier` is None for the first version."""

    what: str
    record: Any
    earlier: Any


@dataclass(frozen=True, slots=True)
class ScopedHistory:
    """`older` is the version that the next page begins before, None on the last one."""

    steps: list[ScopedStep]
    older: int | None


def history_page(budget_id: UUID, *, before: int | None = None) -> ScopedHistory:
    """Return one page of a budget's versions. One statement."""
    records = ScopedBudget.history.filter(id=budget_id).select_related("history_user").order_by("-history_id")
    if before is not None:
        records = records.filter(history_id__lt=before)
    # One more tells what the last one shown has changed.
    found = list(records[: STEPS_PER_PAGE + 1])
    shown = found[:STEPS_PER_PAGE]
    earlier = [*found[1:], None][: len(shown)]
    steps = [ScopedStep(_what(record, prior), record, prior) for record, prior in zip(shown, earlier, strict=True)]
    return ScopedHistory(steps, shown[-1].history_id if len(found) > STEPS_PER_PAGE else None)


def _what(record: Any, earlier: Any) -> str:
    if earlier is None:
        return "made"
    if bool(record.deleted_at) != bool(earlier.deleted_at):
        return "deleted" if record.deleted_at else "restored"
    return "changed"
