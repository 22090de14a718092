"""Why a change of a budget is refused. Each says the cause in its name and carries the facts."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Any
from uuid import UUID

from budgetsite.money.amounts import format_amount


class BudgetProblem(Exception):
    """A refusal that the caller can do something about; `code` names it for programs."""

    code = "refused"


class BudgetNotFound(BudgetProblem):
    code = "not_found"

    def __init__(self, budget_id: UUID) -> None:
        self.budget_id = budget_id
        super().__init__("There is no such budget.")


class EventNotFound(BudgetProblem):
    code = "event_not_found"

    def __init__(self, event_id: UUID) -> None:
        self.event_id = event_id
        super().__init__("There is no such event, or it was deleted. Restore the event first.")


class LineNotFound(BudgetProblem):
    code = "line_not_found"

    def __init__(self, line_item_id: UUID) -> None:
        self.line_item_id = line_item_id
        super().__init__("This budget has no such line.")


class StaleVersion(BudgetProblem):
    """Someone changed it since it was read: the line or the driver that is named, the budget where none is."""

    code = "stale_version"

    def __init__(
        self,
        *,
        sent: int,
        current: int,
        budget_id: UUID,
        line_item_id: UUID | None = None,
        driver_id: UUID | None = None,
    ) -> None:
        self.sent, self.current, self.budget_id = sent, current, budget_id
        self.line_item_id, self.driver_id = line_item_id, driver_id
        super().__init__(
            f"This was changed by someone else: you read version {sent}, it is now at {current}. "
            "Look at what changed, then make your change again."
        )


class BudgetLocked(BudgetProblem):
    code = "budget_locked"

    def __init__(self, status: str) -> None:
        self.status = status
        super().__init__(f"This budget is {status}: its plan and its figures can no longer be changed.")


class PlanFixed(BudgetProblem):
    """The plan is with its approvers, or approved."""

    code = "plan_fixed"

    def __init__(self, status: str) -> None:
        self.status = status
        way = "Send it back to draft first." if status == "review" else "Revise the budget first."
        super().__init__(f"The plan can't be changed while the budget is {_in_words(status)}. {way}")


class DriverNotFound(BudgetProblem):
    code = "driver_not_found"

    def __init__(self, driver_id: UUID) -> None:
        self.driver_id = driver_id
        super().__init__("This budget has no such quantity to follow.")


class IncompletePrice(BudgetProblem):
    code = "incomplete_price"

    def __init__(self) -> None:
        super().__init__("A line by quantity needs both: how many, and what one costs.")


class PricedLine(BudgetProblem):
    """The amount of a line that is quantity × unit price follows from these."""

    code = "priced_line"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(
            f"“{name}” is quantity × unit price. Change one of these, or take the unit price away to write an amount."
        )


class LinesExceedTotal(BudgetProblem):
    code = "lines_exceed_total"

    def __init__(self, *, lines_total: Decimal, total: Decimal, currency: str) -> None:
        self.lines_total, self.total, self.currency = lines_total, total, currency
        planned, ceiling, excess = (
            format_amount(amount, currency, "en") for amount in (lines_total, total, lines_total - total)
        )
        super().__init__(
            f"The lines add up to {planned} {currency}, {excess} more than the budget's total of {ceiling}. "
            "Lower a line or raise the total."
        )


class BudgetExists(BudgetProblem):
    code = "budget_exists"

    def __init__(self, event_id: UUID, budget_id: UUID | None = None) -> None:
        self.event_id, self.budget_id = event_id, budget_id
        super().__init__("This event has a budget already. Change that one, or delete it first.")


class UnknownCategory(BudgetProblem):
    code = "unknown_category"

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name, self.known = name, list(known)
        super().__init__(f"There is no category “{name}”. The categories are: {', '.join(known)}.")


class CategoryInUse(BudgetProblem):
    code = "category_in_use"

    def __init__(self, name: str, lines: int) -> None:
        self.name, self.lines = name, lines
        super().__init__(f"“{name}” is used by {lines} line(s), deleted ones included. Move them first.")


class CategoryHasRules(BudgetProblem):
    """Deleting it would take the rules about it along, and with them approvals that an owner has asked for."""

    code = "category_has_rules"

    def __init__(self, name: str, rules: int) -> None:
        self.name, self.rules = name, rules
        super().__init__(f"“{name}” is named by {rules} approval rule(s). An owner has to remove these first.")


class CategoryExists(BudgetProblem):
    code = "category_exists"

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__(f"There is a category “{name}” already.")


class LineHasCommitments(BudgetProblem):
    code = "line_has_commitments"

    def __init__(self, *, committed: Decimal, currency: str) -> None:
        self.committed, self.currency = committed, currency
        super().__init__(
            f"{format_amount(committed, currency, 'en')} {currency} are promised on this line. "
            "Release or settle that first, then delete the line."
        )


class LineInUse(BudgetProblem):
    """Something outside the budget stands on the line."""

    code = "line_in_use"

    def __init__(self, name: str, reasons: Sequence[str]) -> None:
        self.name, self.reasons = name, list(reasons)
        super().__init__(f"“{name}” has to stay. {' '.join(reasons)}")


class BudgetHasCommitments(BudgetProblem):
    code = "budget_has_commitments"

    def __init__(self, *, committed: Decimal, currency: str) -> None:
        self.committed, self.currency = committed, currency
        super().__init__(
            f"{format_amount(committed, currency, 'en')} {currency} are promised from this budget. "
            "Release or settle that first, or delete the event with its budget."
        )


class AmountDoesNotFit(BudgetProblem):
    """A posting that must stop at what the budget has available, or the line named by `line_name`."""

    code = "budget_exhausted"

    def __init__(self, *, amount: Decimal, available: Decimal, currency: str, line_name: str = "") -> None:
        self.amount, self.available, self.currency, self.line_name = amount, available, currency, line_name
        where = f" on “{line_name}”. Move money to it first" if line_name else ""
        super().__init__(
            f"{format_amount(amount, currency, 'en')} {currency} do not fit: "
            f"{format_amount(available, currency, 'en')} are available{where}."
        )


class WrongKindOfLine(BudgetProblem):
    """Spending on a line of income, or income on a line of cost."""

    code = "wrong_kind_of_line"

    def __init__(self, name: str, *, is_income: bool) -> None:
        self.name, self.is_income = name, is_income
        what = "nothing can be promised or spent on it" if is_income else "income can't be received on it"
        kind, other = ("income", "cost") if is_income else ("cost", "income")
        super().__init__(f"“{name}” is a line of {kind}: {what}. Choose a line of {other}.")


class ReleaseExceedsCommitted(BudgetProblem):
    code = "release_exceeds_committed"

    def __init__(self, *, released: Decimal, committed: Decimal, currency: str) -> None:
        self.released, self.committed, self.currency = released, committed, currency
        super().__init__(
            f"{format_amount(released, currency, 'en')} {currency} can't be released: only "
            f"{format_amount(committed, currency, 'en')} are committed there."
        )


class TotalOutOfRange(BudgetProblem):
    code = "total_out_of_range"

    def __init__(self) -> None:
        super().__init__("With this amount the budget's total would be larger than can be kept.")


class CurrencyMismatch(BudgetProblem):
    code = "currency_mismatch"

    def __init__(self, *, posted: str, budget: str) -> None:
        self.posted, self.budget = posted, budget
        super().__init__(f"This budget is kept in {budget}; an amount in {posted} can't be added to it.")


class IdempotencyMismatch(BudgetProblem):
    code = "idempotency_mismatch"

    def __init__(self, key: str) -> None:
        self.key = key
        super().__init__("This idempotency key was used before, for something else.")


class InvalidTransition(BudgetProblem):
    code = "invalid_transition"

    def __init__(self, *, action: str, status: str, allowed: Sequence[dict[str, Any]]) -> None:
        self.action, self.status, self.allowed = action, status, list(allowed)
        super().__init__(
            f"A budget that is {_in_words(status)} can't be {_PARTICIPLES[action]}. {possible_moves(self.allowed)}"
        )


class ApprovalRefused(BudgetProblem):
    """The stage that is next is not this person's; `allowed` are the possible moves, and whose they are."""

    allowed: Sequence[dict[str, Any]] = ()


class OwnSubmission(ApprovalRefused):
    """Four eyes: nobody approves what they submitted."""

    code = "own_submission"

    def __init__(self) -> None:
        super().__init__("You submitted this budget. Someone else has to approve it.")


class StageNotYours(ApprovalRefused):
    """The stage that is next belongs to a stronger role."""

    code = "stage_not_yours"

    def __init__(self, *, stage: int, stages: int, role: str, because: str) -> None:
        self.stage, self.stages, self.role = stage, stages, role
        why = f" ({because})" if because else ""
        super().__init__(f"Stage {stage} of {stages} is for the account's {role} to decide{why}.")


class StageTaken(ApprovalRefused):
    """One person never takes two stages of one submission."""

    code = "stage_taken"

    def __init__(self, *, stage: int) -> None:
        self.stage = stage
        super().__init__(f"You have approved stage {stage} of this plan already. Someone else has to take the next.")


class NothingToApprove(BudgetProblem):
    code = "nothing_to_approve"

    def __init__(self) -> None:
        super().__init__("The budget's total is 0. Plan something before it is submitted or approved.")


class ReasonRequired(BudgetProblem):
    code = "reason_required"

    def __init__(self) -> None:
        super().__init__("Say why: the reason is kept with the budget.")


class VarianceTooHigh(BudgetProblem):
    code = "variance_too_high"

    def __init__(self, *, shown: str, limit: Decimal) -> None:
        self.shown, self.limit = shown, limit
        super().__init__(
            f"The variance is {shown}; a budget is finalized up to ±{limit}%. "
            "An owner can finalize it with an override and a reason."
        )


def possible_moves(allowed: Sequence[dict[str, Any]]) -> str:
    """Say which moves are possible now, each with who may make it: "Possible now: approve (owner or manager)."""
    if not allowed:
        return "No further step is possible."
    moves = ", ".join(f"{move['action']} ({_either(move['roles'])})" for move in allowed)
    return f"Possible now: {moves}."


def _either(roles: Sequence[str]) -> str:
    return " or ".join([", ".join(roles[:-1]), roles[-1]] if len(roles) > 1 else roles)


_PARTICIPLES = {
    "submit": "submitted",
    "approve": "approved",
    "reject": "sent back",
    "activate": "activated",
    "finalize": "finalized",
    "archive": "archived",
    "revise": "revised",
}


def _in_words(status: str) -> str:
    return {"draft": "a draft", "review": "in review"}.get(status, status)
