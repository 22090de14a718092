"""The account's approval policy as people read it, and what it would ask for."""

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.db.models import QuerySet

from budgets.models import ApprovalRule, ApprovalSubject
from budgets.selectors.standing import who_decides
from budgets.services.approval import RequiredStage, plan_rules, stages_asked_for
from budgetsite.money.amounts import format_amount


@dataclass(frozen=True, slots=True)
class Policy:
    """All rules of an account, those about plans by stage, then those about transfers and about expenses."""

    plans: list[ApprovalRule]
    transfers: list[ApprovalRule]
    expenses: list[ApprovalRule]


def rules_in_order() -> QuerySet[ApprovalRule]:
    """Return the rules with their categories: plans before transfers, by stage, the lowest limit first."""
    rules: QuerySet[ApprovalRule] = ApprovalRule.objects.select_related("category").order_by(
        "subject", "stage", "above_amount", "id"
    )
    return rules


def policy() -> Policy:
    rules = list(rules_in_order())
    return Policy(
        plans=[rule for rule in rules if rule.subject == ApprovalSubject.PLAN],
        transfers=[rule for rule in rules if rule.subject == ApprovalSubject.TRANSFER],
        expenses=[rule for rule in rules if rule.subject == ApprovalSubject.EXPENSE],
    )


def sentence(rule: ApprovalRule) -> str:
    """Return what a rule asks for: "Stage 2: an owner, for a total above 10,000.00 CAD"."""
    above = f" above {_amount(rule.above_amount, rule.currency)}" if rule.above_amount else ""
    if rule.subject == ApprovalSubject.TRANSFER:
        which = f"a transfer{above}" if above else "every transfer"
        touching = f" that touches a line of {rule.category}" if rule.category_id else ""
        return f"{who_decides(rule.role).capitalize()}, for {which}{touching}"
    if rule.subject == ApprovalSubject.EXPENSE:
        which = f"an expense{above}" if above else "every expense"
        touching = f" on a line of {rule.category}" if rule.category_id else ""
        return f"{who_decides(rule.role).capitalize()}, for {which}{touching}"
    of_all = f"a total{above}" if above else "every plan"
    which = f"any line of {rule.category}{above}" if rule.category_id else of_all
    return f"Stage {rule.stage}: {who_decides(rule.role)}, for {which}"


def stages_for(
    *, total: Decimal, currency: str, category_id: UUID | None = None, line_amount: Decimal | None = None
) -> list[RequiredStage]:
    """Return what a plan of `total` would have to pass, with at most one line of note. One statement."""
    highest = {category_id: line_amount or Decimal(0)} if category_id is not None else {}
    return stages_asked_for(plan_rules(), total=total, currency=currency, highest_lines=highest)


def in_one_sentence(stages: list[RequiredStage]) -> str:
    """Return stages as people say them: "a manager or an owner, then an owner"."""
    return ", then ".join(who_decides(stage.role) for stage in stages)


def _amount(amount: Decimal, currency: str) -> str:
    return f"{format_amount(amount, currency, 'en')} {currency}"
