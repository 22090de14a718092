"""What waits for a decision, whose it is and since when."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

from django.db.models import Exists, OuterRef, QuerySet

from budgets.models import APPROVING_ROLES, ApprovalStage, EventBudget
from budgets.selectors.standing import Approver, Standing, approvers, standing_from
from budgets.services.approval import roles_that_may
from budgetsite.accounts.models import Account
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role


class Whose(StrEnum):
    """Whose turn it is, as one person sees what is in review; each budget is in one of these."""

    MINE = "mine"
    OTHERS = "others"
    OWN = "own"


@dataclass(frozen=True, slots=True)
class Waiting:
    """A budget in review, with its event and submitter, and where it stands."""

    budget: EventBudget
    standing: Standing

    @property
    def change(self) -> Decimal | None:
        """How much more the revision plans than the plan in force; None for a first plan."""
        in_force = self.budget.approved_total_amount
        return None if in_force is None else self.budget.total_budget_amount - in_force


@dataclass(frozen=True, slots=True)
class Narrowed:
    """What an overview is narrowed to; empty values narrow nothing."""

    search: str = ""
    role: str = ""
    waiting_since_before: datetime | None = None


def in_review(*, user_id: UUID, role: Role, narrowed: Narrowed = Narrowed()) -> QuerySet[EventBudget]:
    """Return the budgets in review that a person sees, the longest waiting first, with event and submitter."""
    budgets: QuerySet[EventBudget] = (
        EventBudget.objects.visible_to(user_id=user_id, role=role)
        .in_review()
        .select_related("event__venue", "submitted_by")
        .order_by("awaiting_since", "id")
    )
    if narrowed.search:
        budgets = budgets.filter(event__name__icontains=narrowed.search)
    if narrowed.role:
        budgets = budgets.filter(awaiting_role=narrowed.role)
    if narrowed.waiting_since_before is not None:
        budgets = budgets.filter(awaiting_since__lte=narrowed.waiting_since_before)
    return budgets


def of_whom(
    budgets: QuerySet[EventBudget], whose: Whose, *, account: Account, user_id: UUID, role: Role
) -> QuerySet[EventBudget]:
    """Narrow budgets in review to those that this person may decide now, submitted themselves, or neither."""
    mine = budgets.filter(pk__in=may_decide(account=account, user_id=user_id, role=role).values("pk"))
    if whose is Whose.MINE:
        return mine
    rest = budgets.exclude(pk__in=mine.order_by().values("pk"))
    own = rest.filter(submitted_by_id=user_id)
    return own if whose is Whose.OWN else rest.exclude(submitted_by_id=user_id)


def may_decide(*, account: Account, user_id: UUID, role: Role) -> QuerySet[EventBudget]:
    """Return the budgets whose next stage this person may take: by role, four eyes, and one stage for each person."""
    budgets: QuerySet[EventBudget] = EventBudget.objects.visible_to(user_id=user_id, role=role).in_review()
    if not may(role, "budgets.approve"):
        return budgets.none()
    budgets = budgets.filter(awaiting_role__in=[asked for asked in APPROVING_ROLES if role in roles_that_may(asked)])
    if account.four_eyes:
        budgets = budgets.exclude(submitted_by_id=user_id)
    # Stages of an earlier submission have lapsed: there is a later one beside them.
    later = ApprovalStage.objects.filter(budget=OuterRef("budget"), submission__gt=OuterRef("submission"))
    taken = ApprovalStage.objects.filter(budget=OuterRef("pk"), decided_by_id=user_id).exclude(Exists(later))
    return budgets.exclude(Exists(taken))


def approvals_waiting(*, account: Account, user_id: UUID, role: Role) -> QuerySet[Any] | None:
    """The budgets that this person may approve, to be counted; None for a role that approves nothing."""
    if not may(role, "budgets.approve"):
        return None
    return may_decide(account=account, user_id=user_id, role=role)


def waiting_for_me(*, account: Account, user_id: UUID, role: Role, limit: int) -> list[Waiting]:
    """Return the first of what this person may decide, the longest waiting first. Three statements."""
    budgets = of_whom(in_review(user_id=user_id, role=role), Whose.MINE, account=account, user_id=user_id, role=role)
    return with_standing(list(budgets[:limit]), account=account)


def with_standing(budgets: Sequence[EventBudget], *, account: Account) -> list[Waiting]:
    """Say where each of some budgets in review stands. Two statements for any number, none for none."""
    if not budgets:
        return []
    stages = _present_stages([budget.pk for budget in budgets])
    people: list[Approver] = approvers()
    return [
        Waiting(budget, standing_from(budget, stages.get(budget.pk, []), people, account=account)) for budget in budgets
    ]


def _present_stages(budget_ids: Iterable[UUID]) -> dict[UUID, list[ApprovalStage]]:
    """Return the stages of each budget's last submission, in their order."""
    later = ApprovalStage.objects.filter(budget=OuterRef("budget"), submission__gt=OuterRef("submission"))
    found: dict[UUID, list[ApprovalStage]] = {}
    stages = ApprovalStage.objects.filter(budget_id__in=list(budget_ids)).exclude(Exists(later))
    for stage in stages.select_related("decided_by").order_by("budget_id", "stage"):
        found.setdefault(stage.budget_id, []).append(stage)
    return found
