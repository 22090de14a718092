"""Approval in stages: which ones a plan needs by the account's rules, and who may take the next."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from django.db.models import F, Max, QuerySet, Subquery

from budgets.models import (
    APPROVING_ROLES,
    ApprovalRule,
    ApprovalStage,
    ApprovalSubject,
    BudgetLineItem,
    EventBudget,
    LineKind,
)
from budgets.services.problems import OwnSubmission, StageNotYours, StageTaken
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.money.amounts import format_amount


@dataclass(frozen=True, slots=True)
class RequiredStage:
    """A stage that a plan has to pass, and why: `because` is empty where no rule asks for it."""

    stage: int
    role: Role
    because: str = ""


@dataclass(frozen=True, slots=True)
class TakenStage:
    """`following` is the stage that is next now, None when this was the last."""

    stage: ApprovalStage
    following: ApprovalStage | None


def roles_that_may(role: str) -> frozenset[Role]:
    """Return the roles that may decide what asks for `role`: that one, and those above it."""
    return frozenset(APPROVING_ROLES[APPROVING_ROLES.index(Role(role)) :])


def required_stages(budget: EventBudget) -> list[RequiredStage]:
    """Return the stages that a plan needs by the account's rules, numbered from 1 without gaps.

    Two statements. Of several rules for one stage the strongest role counts. Where no rule applies, one
    stage is left: a manager's or an owner's. A rule in another currency than the budget's always applies.
    """
    rules = plan_rules()
    return stages_asked_for(
        rules,
        total=budget.total_budget_amount,
        currency=budget.currency,
        highest_lines=_highest_lines(budget, {rule.category_id for rule in rules if rule.category_id}),
    )


def plan_rules() -> list[ApprovalRule]:
    """Return the account's rules about plans, with their categories, by stage, those of whole plans first."""
    of_whole_plans_first = F("category__name").asc(nulls_first=True)
    rules = ApprovalRule.objects.filter(subject=ApprovalSubject.PLAN).select_related("category")
    return list(rules.order_by("stage", of_whole_plans_first, "above_amount", "id"))


def stages_asked_for(
    rules: Iterable[ApprovalRule], *, total: Decimal, currency: str, highest_lines: Mapping[UUID, Decimal]
) -> list[RequiredStage]:
    """Return the stages that `rules` ask for; `highest_lines` has the largest line of cost of each category planned."""
    found: dict[int, list[tuple[Role, str]]] = {}
    for rule in rules:
        if rule.category_id is not None and rule.category_id not in highest_lines:
            continue
        amount = total if rule.category_id is None else highest_lines[rule.category_id]
        if applies_to(rule, amount, currency):
            found.setdefault(rule.stage, []).append((Role(rule.role), why(rule)))
    if not found:
        return [RequiredStage(stage=1, role=Role.MANAGER)]
    return list(_numbered(found))


def applies_to(rule: ApprovalRule, amount: Decimal, currency: str) -> bool:
    """Whether a rule asks for an approval of `amount`. Amounts in two currencies are never compared: it does then."""
    return not rule.above_amount or rule.currency != currency or amount > rule.above_amount


def strongest_role(
    subject: ApprovalSubject, amount: Decimal, currency: str, category_ids: Iterable[UUID]
) -> Role | None:
    """Return the strongest role that the rules about `subject` ask for, None where the amount is within all limits.

    A rule with a category is about what touches it. One statement.
    """
    return strongest_of(ApprovalRule.objects.filter(subject=subject), amount, currency, category_ids)


def strongest_of(
    rules: Iterable[ApprovalRule], amount: Decimal, currency: str, category_ids: Iterable[UUID]
) -> Role | None:
    """Return what `strongest_role` does, of rules that were read already."""
    categories = set(category_ids)
    roles = [
        Role(rule.role)
        for rule in rules
        if (rule.category_id is None or rule.category_id in categories) and applies_to(rule, amount, currency)
    ]
    return max(roles, key=APPROVING_ROLES.index, default=None)


def why(rule: ApprovalRule) -> str:
    """Say in words what a rule applies to; empty for one that always does."""
    above = f"above {format_amount(rule.above_amount, rule.currency, 'en')} {rule.currency}"
    if rule.category is not None:
        return f"a line of {rule.category}" + (f" {above}" if rule.above_amount else "")
    return f"a total {above}" if rule.above_amount else ""


def open_stages(budget: EventBudget, *, submission: int) -> ApprovalStage:
    """Make the stages that the submission of a locked plan has to pass; return the first."""
    stages = [
        ApprovalStage(
            budget=budget,
            submission=submission,
            stage=required.stage,
            role=required.role,
            because=required.because[:500],
        )
        for required in required_stages(budget)
    ]
    ApprovalStage.objects.bulk_create(stages)
    return stages[0]


def stages_of_submission(budget_id: UUID) -> QuerySet[ApprovalStage]:
    """Return the stages of a budget's last submission in their order, with who decided them."""
    of_budget = ApprovalStage.objects.filter(budget_id=budget_id)
    last = of_budget.order_by("-submission").values("submission")[:1]
    stages: QuerySet[ApprovalStage] = (
        of_budget.filter(submission=Subquery(last)).select_related("decided_by").order_by("stage")
    )
    return stages


def take_stage(
    budget: EventBudget, *, acting_user: User, acting_role: Role, account: Account, now: datetime
) -> TakenStage:
    """Decide the stage of a locked budget that is next.

    Raises `OwnSubmission` (unless the account has switched four eyes off), `StageTaken` for someone who has taken an
    earlier stage of this submission, `StageNotYours` for a role below the one that the stage asks for.
    """
    stages = list(stages_of_submission(budget.pk))
    waiting = [stage for stage in stages if stage.decided_at is None]
    stage = waiting[0]
    refuse_stage(stage, stages, budget, acting_user=acting_user, acting_role=acting_role, account=account)
    stage.decided_by, stage.decided_at = acting_user, now
    stage.save(update_fields=["decided_by", "decided_at"])
    return TakenStage(stage=stage, following=waiting[1] if len(waiting) > 1 else None)


def refuse_stage(
    stage: ApprovalStage,
    stages: list[ApprovalStage],
    budget: EventBudget,
    *,
    acting_user: User,
    acting_role: Role,
    account: Account,
) -> None:
    """Raise what keeps a person from taking `stage` of `stages`; return when nothing does."""
    if account.four_eyes and budget.submitted_by_id == acting_user.pk:
        raise OwnSubmission
    for taken in stages:
        if taken.decided_by_id == acting_user.pk:
            raise StageTaken(stage=taken.stage)
    if acting_role not in roles_that_may(stage.role):
        role = Role(stage.role).label.lower()
        raise StageNotYours(stage=stage.stage, stages=len(stages), role=role, because=stage.because)


def stages_without_anybody(roles_asked: Iterable[str], people: Iterable[Role]) -> list[int]:
    """Return the positions in `roles_asked` that are left when each of `people` takes one stage at most.

    Whoever may take fewer stages goes first: an owner is kept for what only an owner may decide.
    """
    free = Counter(people)
    left = []
    asked = list(roles_asked)
    for position in sorted(range(len(asked)), key=lambda place: (-APPROVING_ROLES.index(Role(asked[place])), place)):
        able = [role for role in APPROVING_ROLES if role in roles_that_may(asked[position]) and free[role]]
        if able:
            free[able[0]] -= 1
        else:
            left.append(position)
    return sorted(left)


def _highest_lines(budget: EventBudget, category_ids: set[UUID]) -> dict[UUID, Decimal]:
    """Return category → the largest line of cost that the plan has in it."""
    if not category_ids:
        return {}
    lines = BudgetLineItem.objects.filter(budget=budget, kind=LineKind.COST, category_id__in=category_ids)
    return dict(lines.order_by().values_list("category_id").annotate(highest=Max("budgeted_amount")))


def _numbered(found: dict[int, list[tuple[Role, str]]]) -> Iterator[RequiredStage]:
    for number, stage in enumerate(sorted(found), start=1):
        role = max((role for role, _ in found[stage]), key=APPROVING_ROLES.index)
        reasons = [reason for of_role, reason in found[stage] if of_role == role and reason]
        yield RequiredStage(stage=number, role=role, because=" and ".join(dict.fromkeys(reasons)))
