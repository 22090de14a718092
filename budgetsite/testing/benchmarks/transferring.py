"""Moving money between two lines over the API: its statements may not depend on how many lines there are."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from budgets.models import EventBudget
from budgets.services.workflow import move_budget
from budgetsite.accounts.models import Account
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import change_account
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.report import Row, for_information, proof
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import Scene, add_budget, line_ids, open_scene, refresh_statistics
from budgetsite.testing.benchmarks.site import Client
from budgetsite.testing.benchmarks.statements import request_in_process, statements_of

SMALL = 10
# Each line has a hundred; a cent at a time there and back never uses it up.
AMOUNT = "0.01"


def measure(run: Run) -> list[Row]:
    run.say("moving money between lines …")
    scene = open_scene("transfer")
    # The one person of the scene approves what they submit.
    with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic():
        account = change_account(account=scene.account, acting_user=scene.user, four_eyes=False)
    large = run.extent.large
    budgets = [_add_approved(scene, account, lines=lines) for lines in (SMALL, large)]
    refresh_statistics()
    client = run.site().sign_in(scene)
    counts = [_statements(client, scene, budget_id) for budget_id in budgets]
    [turns] = run.measure([repeating(_moving(client, scene, budgets[1]))])
    return [
        proof(
            f"statements of a transfer, {SMALL} → {large} lines",
            found=" → ".join(map(str, counts)),
            kept=counts[0] == counts[1],
        ),
        for_information(f"move money between 2 of {large} lines (API)", turns),
    ]


def _add_approved(scene: Scene, account: Account, *, lines: int) -> UUID:
    """Make a budget of so many lines, submitted and approved."""
    budget_id = add_budget(scene, lines=lines).pk
    with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic():
        for action in ("submit", "approve"):
            move_budget(
                action=action,
                budget_id=budget_id,
                version=EventBudget.objects.get(pk=budget_id).version,
                acting_user=scene.user,
                acting_role=Role.MANAGER,
                account=account,
                now=datetime.now(UTC),
            )
    return budget_id


def _statements(client: Client, scene: Scene, budget_id: UUID) -> int:
    path, body = _path(budget_id), _there_and_back(scene, budget_id)
    return len(statements_of(lambda: request_in_process("POST", path, token=client.token, body=body)))


def _moving(client: Client, scene: Scene, budget_id: UUID) -> Callable[[], None]:
    path, body = _path(budget_id), _there_and_back(scene, budget_id)

    def move() -> None:
        client.call("POST", path, body())

    return move


def _there_and_back(scene: Scene, budget_id: UUID) -> Callable[[], dict[str, Any]]:
    ends = [str(pk) for pk in line_ids(scene, budget_id)[:2]]

    def body() -> dict[str, Any]:
        ends.reverse()
        return {"from_line": ends[0], "to_line": ends[1], "amount": AMOUNT, "reason": "Measured"}

    return body


def _path(budget_id: UUID) -> str:
    return f"/api/v1/event-budgets/{budget_id}/transfers"
