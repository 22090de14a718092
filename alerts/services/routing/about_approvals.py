"""What waits for somebody's decision, and what was decided: budgets, transfers, expenses."""

from collections.abc import Iterator, Sequence
from uuid import UUID

from django.urls import reverse

from alerts.services.routing.members import Members
from budgets.models import BudgetDecision, BudgetTransfer, EventBudget, Expense
from budgetsite.money.amounts import format_money
from budgetsite.notifications.models import Level
from budgetsite.notifications.services.telling import Message
from budgetsite.outbox.models import OutboxEvent

_WAITING = frozenset({"budget.submitted", "budget.stage_approved", "budget.approval_waiting"})
_DECIDED = {"budget.approved": "approved", "budget.rejected": "sent back to draft"}
_TRANSFERS = {
    "budget.transfer_requested": "",
    "budget.transferred": "agreed to",
    "budget.transfer_rejected": "turned down",
}
_EXPENSES = {"expense.requested": "", "expense.approved": "approved", "expense.rejected": "turned down"}
# The site speaks English.
_LOCALE = "en"

Told = Iterator[tuple[UUID, Message]]


def messages_about_approvals(events: Sequence[OutboxEvent], members: Members) -> Told:
    """Tell those who may decide what waits for them, and those who asked what was decided.

    Nobody is told to approve their own, or what they have just done themselves.
    """
    yield from _about_budgets([event for event in events if event.kind in _WAITING or event.kind in _DECIDED], members)
    yield from _about_transfers([event for event in events if event.kind in _TRANSFERS], members)
    yield from _about_expenses([event for event in events if event.kind in _EXPENSES], members)


def _about_budgets(events: Sequence[OutboxEvent], members: Members) -> Told:
    if not events:
        return
    ids = {event.subject_id for event in events}
    budgets = {b.pk: b for b in EventBudget.objects.filter(pk__in=ids).select_related("event")}
    submitters = _submitters(ids)
    for event in events:
        budget = budgets.get(event.subject_id)
        if budget is None:
            continue
        submitter = submitters.get(budget.pk)
        name, facts = budget.event.name, event.payload
        total = format_money(budget.total_budget_amount, budget.currency, _LOCALE)
        if event.kind in _DECIDED:
            if submitter is not None and submitter != event.actor_id:
                yield (
                    submitter,
                    _message(
                        f"{name}: the budget was {_DECIDED[event.kind]}",
                        path=reverse("budgets:history", args=[budget.pk]),
                        text=f"{total} in all.",
                        key=f"{event.kind}:{budget.pk}:{facts['version']}",
                        level=Level.INFORMATION if event.kind == "budget.approved" else Level.WARNING,
                        subject=("event_budget", budget.pk),
                    ),
                )
            continue
        # It may have been decided since.
        role = facts.get("role") or facts.get("awaiting_role") or ""
        if budget.awaiting_stage is None or budget.awaiting_role != role:
            continue
        reminder = facts.get("reminders")
        message = _message(
            f"{name}: the budget still waits for your approval" if reminder else f"{name}: approve the budget",
            path=reverse("budgets:detail", args=[budget.pk]),
            text=f"{total} in all.",
            key=f"approval:{budget.pk}:{budget.version}:{budget.awaiting_stage}:{reminder or 0}",
            level=Level.WARNING,
            subject=("event_budget", budget.pk),
        )
        for person in sorted(members.who_approve(role, without=[submitter]), key=str):
            yield person, message


def _submitters(budget_ids: set[UUID]) -> dict[UUID, UUID | None]:
    """Return who sent each budget's plan for approval last, whether or not it still waits."""
    decisions = BudgetDecision.objects.filter(budget_id__in=budget_ids, action="submit")
    return dict(
        decisions.order_by("budget_id", "-created_at", "-id").distinct("budget_id").values_list("budget_id", "actor_id")
    )


def _about_transfers(events: Sequence[OutboxEvent], members: Members) -> Told:
    if not events:
        return
    ids = {event.payload["transfer"] for event in events}
    transfers = BudgetTransfer.objects.filter(pk__in=ids).select_related("budget__event", "from_line", "to_line")
    found = {str(transfer.pk): transfer for transfer in transfers}
    for event in events:
        transfer = found.get(event.payload["transfer"])
        if transfer is None:
            continue
        name = transfer.budget.event.name
        amount = format_money(transfer.amount, transfer.currency, _LOCALE)
        text = f"{amount} from “{transfer.from_line.name}” to “{transfer.to_line.name}”: {transfer.reason}"
        path = reverse("budgets:transfers", args=[transfer.budget_id])
        subject = ("event_budget", transfer.budget_id)
        if event.kind == "budget.transfer_requested":
            asks = _message(
                f"{name}: agree to a transfer", path=path, text=text, key=f"transfer:{transfer.pk}", subject=subject,
                level=Level.WARNING,
            )  # fmt: skip
            for person in sorted(members.who_approve(transfer.needs_role, without=[transfer.requested_by_id]), key=str):
                yield person, asks
        elif transfer.requested_by_id is not None and transfer.requested_by_id != event.actor_id:
            title = f"{name}: your transfer was {_TRANSFERS[event.kind]}"
            key = f"{event.kind}:{transfer.pk}"
            yield transfer.requested_by_id, _message(title, path=path, text=text, key=key, subject=subject)


def _about_expenses(events: Sequence[OutboxEvent], members: Members) -> Told:
    if not events:
        return
    expenses = Expense.objects.filter(pk__in={event.subject_id for event in events}).select_related("event", "vendor")
    found = {expense.pk: expense for expense in expenses}
    for event in events:
        expense = found.get(event.subject_id)
        if expense is None:
            continue
        amount = format_money(expense.amount, expense.currency, _LOCALE)
        text = f"{amount}: {expense.description}" + (f", {expense.vendor.name}" if expense.vendor else "")
        path = reverse("budgets:expense", args=[expense.pk])
        subject = ("expense", expense.pk)
        if event.kind == "expense.requested":
            asks = _message(
                f"{expense.event.name}: approve an expense", path=path, text=text, key=f"expense:{expense.pk}",
                subject=subject, level=Level.WARNING,
            )  # fmt: skip
            for person in sorted(members.who_approve(expense.needs_role, without=[expense.created_by_id]), key=str):
                yield person, asks
        elif expense.created_by_id is not None and expense.created_by_id != event.actor_id:
            title = f"{expense.event.name}: your expense was {_EXPENSES[event.kind]}"
            key = f"{event.kind}:{expense.pk}:{event.payload['version']}"
            reason = f" Reason: {expense.decision_reason}" if expense.decision_reason else ""
            yield expense.created_by_id, _message(title, path=path, text=text + reason, key=key, subject=subject)


def _message(
    title: str, *, path: str, text: str, key: str, subject: tuple[str, UUID], level: Level = Level.INFORMATION
) -> Message:
    return Message(
        notification_type="approvals",
        level=level,
        title=title,
        text=text,
        path=path,
        subject_type=subject[0],
        subject_id=subject[1],
        dedup_key=key,
    )
