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
    """Someone changed it since it was read."""

    code = "stale_version"

    def __init__(self, *, sent: int, current: int, budget_id: UUID) -> None:
        self.sent, self.current, self.budget_id = sent, current, budget_id
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


class AmountDoesNotFit(BudgetProblem):
    """A posting that must stop at what is available."""

    code = "budget_exhausted"

    def __init__(self, *, amount: Decimal, available: Decimal, currency: str) -> None:
        self.amount, self.available, self.currency = amount, available, currency
        super().__init__(
            f"{format_amount(amount, currency, 'en')} {currency} do not fit: "
            f"{format_amount(available, currency, 'en')} are available."
        )


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
        names = ", ".join(move["action"] for move in self.allowed)
        then = f"Possible now: {names}." if names else "No further step is possible."
        super().__init__(f"A budget that is {_in_words(status)} can't be {_PARTICIPLES[action]}. {then}")


class OwnSubmission(BudgetProblem):
    """Four eyes: nobody approves what they submitted."""

    code = "own_submission"

    def __init__(self) -> None:
        super().__init__("You submitted this budget. Someone else has to approve it.")


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
