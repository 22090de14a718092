"""Plans side by side: two long ones compared, a budget of old read from a long ledger, and the moves of long plans."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from budgets.models import BudgetLineItem, EventBudget
from budgets.selectors.plan_diff import LineDifference, plan_diff
from budgets.services.line_item import add_line_items
from budgets.services.recalculation import recalculate_budget
from budgets.services.workflow import move_budget
from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.tenancy.scope import deleted_rows_visible, tenant_scope
from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.plain_sql import as_json
from budgetsite.testing.benchmarks.report import Limit, Row, compared_times, proof
from budgetsite.testing.benchmarks.run import FULL, Run
from budgetsite.testing.benchmarks.scenery import (
    Scene,
    add_budget,
    add_entries,
    line_ids,
    open_scene,
    refresh_statistics,
)

TIMES_AS_LONG = Limit(at_most=3)
FEW = 10
LINES_OF_LEDGER = 20
# Every fifth line of the later plan has another amount, one of twenty is gone, and as many are new.
CHANGED, GONE = 5, 20


def measure(run: Run) -> list[Row]:
    return [_diff(run), _as_of(run), *_moves(run)]


def _diff(run: Run) -> Row:
    run.say("comparing two plans …")
    scene = open_scene("diff")
    budget_id = add_budget(scene, lines=run.extent.large).pk
    revise_and_change(scene, budget_id)
    refresh_statistics()
    plain = run.plain_plans(scene)
    ours, by_hand = run.measure(
        [repeating(comparing(scene, budget_id)), repeating(lambda: plain.compare_plans(budget_id, 1))]
    )
    return compared_times(f"compare two plans of {run.extent.large} lines", ours, by_hand, TIMES_AS_LONG)


def comparing(scene: Scene, budget_id: UUID) -> Callable[[], str]:
    """The comparison, read for one person: neither side goes over HTTP, and both end with it as JSON."""

    def compare() -> str:
        with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic():
            budget = EventBudget.objects.get(pk=budget_id)
            diff = plan_diff(budget, 2)
        return as_json({"total": diff.total_difference, "lines": [_told(line) for line in diff.lines]})

    return compare


def _told(line: LineDifference) -> dict[str, object]:
    return {
        "line_item_id": line.line_item_id,
        "name": line.name,
        "category": line.category,
        "change": line.what,
        "before_amount": line.before,
        "after_amount": line.after,
        "difference_amount": line.difference,
        "fields": [(field.name, field.before, field.after) for field in line.fields],
    }


def _as_of(run: Run) -> Row:
    entries = run.extent.entries
    run.say(f"posting {entries} entries, and reading a budget as of a moment among them …")
    scene = open_scene("as-of")
    budget_id = add_budget(scene, lines=LINES_OF_LEDGER).pk
    lines = line_ids(scene, budget_id)
    add_entries(scene, budget_id, lines, entries // 2)
    moment = datetime.now(UTC)
    add_entries(scene, budget_id, lines, entries - entries // 2)
    refresh_statistics()
    plain = run.plain_plans(scene)
    client = run.site().sign_in(scene)
    path = f"/api/v1/event-budgets/{budget_id}?as_of={moment:%Y-%m-%dT%H:%M:%S.%fZ}"
    ours, by_hand = run.measure(
        [repeating(lambda: client.get(path)), repeating(lambda: plain.read_as_of(budget_id, moment))]
    )
    # Of a short ledger, HTTP is nearly all.
    limit = TIMES_AS_LONG if entries >= FULL.entries else None
    return compared_times(f"a budget as of a moment, {entries} entries (API)", ours, by_hand, limit)


def _moves(run: Run) -> list[Row]:
    run.say("approving and revising a short and a long plan …")
    scene = open_scene("moves")
    other = _another_manager(scene)
    counts: dict[str, list[int]] = {"approving": [], "revising": []}
    for lines in (FEW, run.extent.large):
        budget_id = add_budget(scene, lines=lines).pk
        # A revision that was approved once: what a process reads only once is read by then.
        for action in ("submit", "approve", "revise", "submit"):
            _move(scene, budget_id, action, other)
        counts["approving"].append(_statements(scene, budget_id, "approve", other))
        counts["revising"].append(_statements(scene, budget_id, "revise", other))
    return [
        proof(
            f"statements of {what} {FEW} and {run.extent.large} lines",
            found=" and ".join(str(count) for count in found),
            kept=len(set(found)) == 1,
        )
        for what, found in counts.items()
    ]


def _another_manager(scene: Scene) -> User:
    """Nobody approves what they submitted."""
    email = f"{scene.account.slug}-approves@example.org"
    member = add_member(
        account=scene.account, email=email, role=Role.MANAGER, password=scene.password, name="Who approves"
    )
    return member.user


def _move(scene: Scene, budget_id: UUID, action: str, approver: User) -> None:
    user = approver if action == "approve" else scene.user
    with tenant_scope(scene.tenant_id, user_id=user.pk), transaction.atomic():
        move_budget(
            action=action,
            budget_id=budget_id,
            version=EventBudget.objects.values_list("version", flat=True).get(pk=budget_id),
            acting_user=user,
            acting_role=Role.MANAGER,
            account=scene.account,
            now=datetime.now(UTC),
            reason="More guests" if action == "revise" else "",
        )


def _statements(scene: Scene, budget_id: UUID, action: str, approver: User) -> int:
    with CaptureQueriesContext(connection) as captured:
        _move(scene, budget_id, action, approver)
    return len(captured)


def revise_and_change(scene: Scene, budget_id: UUID) -> None:
    """Approve a plan, open it, and change it in a few statements instead of hundreds of services' calls."""
    other = _another_manager(scene)
    for action in ("submit", "approve", "revise"):
        _move(scene, budget_id, action, other)
    ids = line_ids(scene, budget_id)
    added = [{"category": "Venue", "name": f"New {number}", "budgeted_amount": Decimal(50)} for number in _part(ids)]
    with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic(), deleted_rows_visible():
        BudgetLineItem.objects.filter(pk__in=ids[::CHANGED]).update(budgeted_amount=Decimal(130))
        BudgetLineItem.objects.filter(pk__in=ids[1::GONE]).update(deleted_at=datetime.now(UTC))
        recalculate_budget(budget_id)
        add_line_items(budget_id=budget_id, acting_user=scene.user, line_items=added)


def _part(ids: list[UUID]) -> range:
    return range(len(ids) // GONE)
