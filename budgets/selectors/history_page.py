"""The story of a budget: its changes, its lines', its quantities', decisions, transfers and the ledger, last first."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, QuerySet, Subquery

from budgets.models import (
    BudgetLineItem,
    BudgetTransfer,
    EventBudget,
    LedgerEntry,
    LineKind,
    PlanDriver,
    TransferStatus,
)
from budgets.selectors import history_steps
from budgets.selectors.decisions import decisions_on
from budgets.selectors.history_steps import Step
from budgets.services.transfer import TRANSFERRED
from budgetsite.accounts.models import Membership, User
from budgetsite.accounts.permissions import PERMISSIONS
from budgetsite.tenancy.scope import deleted_rows_visible

STEPS_PER_PAGE = 40

# What a reader may look for.
PLAN, DECISIONS, TRANSFERS, MONEY = "plan", "decisions", "transfers", "money"
KINDS = (PLAN, DECISIONS, TRANSFERS, MONEY)
# Stands for a person where a job did something by itself.
BY_ITSELF = "itself"


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """Where a page of the story begins: a moment, then the source's rank, then the row's own number."""

    at: datetime
    rank: int
    key: int


@dataclass(frozen=True, slots=True)
class StoryPage:
    steps: list[Step]
    older: Position | None


@dataclass(frozen=True, slots=True)
class _Source:
    """Rows that tell of one thing. `rank` is the order among those of the same moment, the highest first."""

    rank: int
    kind: str
    rows: QuerySet[Any]
    moment: str
    key: str
    actor: str
    tell: Callable[[list[Any]], list[Step | None]]

    def position(self, row: Any) -> Position:
        key = getattr(row, self.key)
        return Position(getattr(row, self.moment), self.rank, key.int if isinstance(key, UUID) else int(key))

    def before(self, place: Position | None) -> QuerySet[Any]:
        rows = self.rows
        if place is not None:
            earlier = Q(**{f"{self.moment}__lt": place.at})
            if self.rank < place.rank:
                earlier |= Q(**{self.moment: place.at})
            elif self.rank == place.rank:
                key = UUID(int=place.key) if self.key == "id" else place.key
                earlier |= Q(**{self.moment: place.at, f"{self.key}__lt": key})
            rows = rows.filter(earlier)
        return rows.order_by(f"-{self.moment}", f"-{self.key}")

    def by(self, person: UUID | str | None) -> "_Source":
        if person is None:
            return self
        of_whom = {f"{self.actor}__isnull": True} if person == BY_ITSELF else {self.actor: person}
        return _Source(self.rank, self.kind, self.rows.filter(**of_whom), self.moment, self.key, self.actor, self.tell)


def story_page(
    budget: EventBudget,
    *,
    before: Position | None = None,
    for_team: bool = True,
    kind: str | None = None,
    person: UUID | str | None = None,
) -> StoryPage:
    """Return the steps before `before` (the last ones, when it is None), in a constant number of statements.

    `kind` is one of `KINDS`; `person` someone's id, or `BY_ITSELF` for what nobody did. Unless it is `for_team`, the
    ledger, the income and who pays are left out.
    """
    sources = [
        source.by(person)
        for source in _sources(budget, for_team=for_team)
        if kind in (None, source.kind) and (for_team or source.kind != MONEY)
    ]
    # The record of a deletion is hidden with what was deleted.
    with deleted_rows_visible():
        return _page(sources, before)


def steps_since(budget: EventBudget, version: int, *, limit: int = 10) -> list[Step]:
    """Return what changed the plan or the status of a budget after it was read in `version`, last first."""
    with deleted_rows_visible():
        steps: list[Step] = []
        for source in _sources(budget):
            if source.kind == MONEY:
                continue
            rows = source.rows.filter(version__gt=version).order_by(f"-{source.moment}", f"-{source.key}")
            steps.extend(step for step in source.tell(list(rows[:limit])) if step is not None)
    steps.sort(key=lambda step: step.at, reverse=True)
    return steps[:limit]


def people_in_story() -> list[User]:
    """Return the people of the account whose work budgets are, by name, those who have left among them.

    Who has done something to one budget is known only from all of its entries, and these may be a hundred thousand.
    """
    with deleted_rows_visible():
        workers = Membership.objects.filter(role__in=PERMISSIONS["budgets.change"]).order_by().values("user_id")
        return list(User.objects.filter(pk__in=workers).order_by("name", "email", "id"))


def _page(sources: list[_Source], before: Position | None) -> StoryPage:
    found: list[tuple[Position, _Source, Any]] = []
    for source in sources:
        found.extend((source.position(row), source, row) for row in source.before(before)[: STEPS_PER_PAGE + 1])
    found.sort(key=lambda item: item[0], reverse=True)
    shown = found[:STEPS_PER_PAGE]
    told: dict[Position, Step | None] = {}
    for source in sources:
        rows = [row for _, its, row in shown if its is source]
        for row, step in zip(rows, source.tell(rows), strict=True):
            told[source.position(row)] = step
    steps = [step for step in (told[position] for position, _, _ in shown) if step is not None]
    return StoryPage(steps=steps, older=shown[-1][0] if len(found) > STEPS_PER_PAGE else None)


def _sources(budget: EventBudget, *, for_team: bool = True) -> list[_Source]:
    transfers = BudgetTransfer.objects.filter(budget_id=budget.pk).select_related("from_line", "to_line")
    asked = transfers.select_related("from_line", "to_line", "requested_by")
    answered = transfers.filter(decided_at__isnull=False).exclude(needs_role="")
    return [
        _Source(
            6,
            DECISIONS,
            decisions_on(budget.pk, for_team=for_team),
            "created_at",
            "version",
            "actor",
            history_steps.decision_steps,
        ),
        _Source(
            5,
            PLAN,
            _with_previous(_without_discarding(EventBudget.history.filter(id=budget.pk))),
            "history_date",
            "history_id",
            "history_user",
            history_steps.budget_steps,
        ),
        _Source(
            4,
            TRANSFERS,
            answered.select_related("from_line", "to_line", "decided_by"),
            "decided_at",
            "id",
            "decided_by",
            history_steps.answer_steps,
        ),
        _Source(3, TRANSFERS, asked, "created_at", "id", "requested_by", history_steps.request_steps),
        _Source(
            2,
            PLAN,
            _with_previous(_without_discarding(PlanDriver.history.filter(budget_id=budget.pk))),
            "history_date",
            "history_id",
            "history_user",
            history_steps.driver_steps,
        ),
        _Source(
            1,
            PLAN,
            _with_previous(_lines_themselves(budget, with_income=for_team)),
            "history_date",
            "history_id",
            "history_user",
            history_steps.line_steps,
        ),
        _Source(
            0,
            MONEY,
            LedgerEntry.objects.filter(budget_id=budget.pk).select_related("actor", "line_item"),
            "created_at",
            "seq",
            "actor",
            history_steps.ledger_steps,
        ),
    ]


def _lines_themselves(budget: EventBudget, *, with_income: bool) -> QuerySet[Any]:
    """Leave out what a transfer or a quantity brought about: these tell of their lines themselves."""
    moved = BudgetTransfer.objects.filter(budget_id=budget.pk, status=TransferStatus.DONE).values("version")
    counted = PlanDriver.history.filter(budget_id=budget.pk).order_by().values("version")
    records = _without_discarding(BudgetLineItem.history.filter(budget_id=budget.pk))
    if not with_income:
        records = records.filter(kind=LineKind.COST)
    return records.exclude(
        version__in=moved, history_change_reason__startswith=TRANSFERRED, history_change_reason__isnull=False
    ).exclude(version__in=counted, driver_id__isnull=False, history_change_reason__contains=": ")


def _without_discarding(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Leave out what giving up a revision put back: the decision says it in one sentence."""
    return rows.exclude(history_change_reason__startswith="discard", history_change_reason__isnull=False)


def _with_previous(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Put beside each version of a row the number of the version before it."""
    earlier = rows.model.objects.filter(id=OuterRef("id"), history_id__lt=OuterRef("history_id"))
    newest = earlier.order_by("-history_id").values("history_id")[:1]
    told: QuerySet[Any] = rows.select_related("history_user").annotate(previous_id=Subquery(newest))
    return told
