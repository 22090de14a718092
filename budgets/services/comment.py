"""What the team and the client say to each other about a budget, or about one of its expenses."""

from datetime import datetime
from uuid import UUID

from django.db import transaction

from budgets.models import BudgetComment, EventBudget, Expense
from budgets.services.problems import BudgetProblem
from budgets.services.texts import plain_breaks
from budgetsite.accounts.models import User
from budgetsite.outbox.services import record_event
from budgetsite.tenancy.deletion import soft_delete

LONGEST_COMMENT = 5_000


class EmptyComment(BudgetProblem):
    code = "blank"

    def __init__(self) -> None:
        super().__init__("Write what you want to say.")


class CommentTooLong(BudgetProblem):
    code = "max_length"

    def __init__(self, length: int) -> None:
        super().__init__(f"A comment has at most {LONGEST_COMMENT:,} characters; this one has {length:,}.")


class CommentNotFound(BudgetProblem):
    code = "comment_not_found"

    def __init__(self, comment_id: UUID) -> None:
        self.comment_id = comment_id
        super().__init__("There is no such comment. It may have been deleted a moment ago.")


class CommentNotYours(BudgetProblem):
    code = "comment_not_yours"

    def __init__(self) -> None:
        super().__init__("Only who wrote a comment deletes it. Answer it with one of your own.")


@transaction.atomic
def add_comment(*, budget: EventBudget, acting_user: User, text: str, expense: Expense | None = None) -> BudgetComment:
    """Say something about a budget that the person may see, or about one of its expenses; the outbox is told.

    Raises `EmptyComment`, `CommentTooLong`.
    """
    said = plain_breaks(text).strip()
    if not said:
        raise EmptyComment
    if len(said) > LONGEST_COMMENT:
        raise CommentTooLong(len(said))
    comment = BudgetComment(budget=budget, expense=expense, author=acting_user, text=said)
    comment.save(force_insert=True)
    _tell("comment.added", comment)
    # Its time is PostgreSQL's.
    comment.refresh_from_db(fields=["created_at", "updated_at"])
    return comment


@transaction.atomic
def delete_comment(*, comment: BudgetComment, acting_user: User, now: datetime) -> None:
    """Take one's own comment back. Raises `CommentNotYours`, `CommentNotFound` for one that is gone already."""
    if comment.author_id != acting_user.pk:
        raise CommentNotYours
    if not soft_delete(comment, now=now):
        raise CommentNotFound(comment.pk)
    _tell("comment.deleted", comment)


def _tell(kind: str, comment: BudgetComment) -> None:
    record_event(
        kind=kind,
        subject_type="comment",
        subject_id=comment.pk,
        payload={
            "budget": str(comment.budget_id),
            "expense": str(comment.expense_id) if comment.expense_id else None,
            "author": str(comment.author_id),
        },
    )
