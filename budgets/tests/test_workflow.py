from datetime import UTC, datetime
from decimal import Decimal

import pytest

from budgets.models import BudgetDecision, BudgetStatus, EntryKind, EventBudget
from budgets.services import ledger
from budgets.services.problems import (
    InvalidTransition,
    NothingToApprove,
    OwnSubmission,
    ReasonRequired,
    StaleVersion,
    VarianceTooHigh,
)
from budgets.services.workflow import MOVES, RoleNotAllowed, allowed_moves, move_budget
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_line, move
from budgetsite.testing.people import make_member

STORY = ("submit", "approve", "activate", "finalize", "archive")


@pytest.fixture
def go(account, owner, manager):
    """Return a function that makes one move: the manager approves and finalizes, the owner does the rest."""

    def make(budget, action, *, user=None, role=None, **options):
        if user is None:
            user, role = (manager, Role.MANAGER) if action in ("approve", "reject", "finalize") else (owner, Role.OWNER)
        return move(budget, action, user=user, role=role, account=account, **options)

    return make


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="1000")


def bring_to(go, budget, status):
    path = {"draft": 0, "review": 1, "approved": 2, "active": 3, "finalized": 4, "archived": 5}
    ledger.post(budget_id=budget.pk, kind=EntryKind.ACTUAL, actual_delta=Decimal(1000), currency="CAD", source="manual")
    for action in STORY[: path[status]]:
        go(budget, action)


def test_a_budget_lives_from_draft_to_archive(go, budget):
    ledger.post(budget_id=budget.pk, kind=EntryKind.ACTUAL, actual_delta=Decimal(1000), currency="CAD", source="manual")
    seen = [(go(budget, action).status, EventBudget.objects.get(pk=budget.pk).version) for action in STORY]
    assert seen == [("review", 2), ("approved", 3), ("active", 4), ("finalized", 5), ("archived", 6)]
    decisions = BudgetDecision.objects.order_by("version").values_list("action", "from_status", "to_status")
    assert list(decisions) == [
        ("submit", "draft", "review"),
        ("approve", "review", "approved"),
        ("activate", "approved", "active"),
        ("finalize", "active", "finalized"),
        ("archive", "finalized", "archived"),
    ]


@pytest.mark.parametrize("status", BudgetStatus.values)
@pytest.mark.parametrize("action", MOVES)
def test_only_the_tables_moves_are_possible(go, owner, budget, status, action):
    bring_to(go, budget, status)
    before = EventBudget.objects.get(pk=budget.pk)
    if status in MOVES[action].from_statuses:
        moved = go(budget, action, reason="because", override=False)
        assert moved.status == MOVES[action].to_status
        return
    with pytest.raises(InvalidTransition) as refused:
        go(budget, action, reason="because")
    assert refused.value.allowed == allowed_moves(before)
    after = EventBudget.objects.get(pk=budget.pk)
    assert (after.status, after.version) == (before.status, before.version)


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("action", MOVES)
def test_only_the_tables_roles_may_move(go, account, budget, role, action):
    bring_to(go, budget, MOVES[action].from_statuses[0])
    options = {"user": make_member(account, role).user, "role": role, "reason": "because"}
    if role in MOVES[action].roles:
        assert go(budget, action, **options).status == MOVES[action].to_status
    else:
        with pytest.raises(RoleNotAllowed):
            go(budget, action, **options)
        assert EventBudget.objects.get(pk=budget.pk).status == MOVES[action].from_statuses[0]


def test_nobody_approves_their_own_submission(go, account, owner, budget):
    go(budget, "submit")
    with pytest.raises(OwnSubmission):
        go(budget, "approve", user=owner, role=Role.OWNER)
    assert EventBudget.objects.get(pk=budget.pk).status == "review"
    account.four_eyes = False
    account.save()
    assert go(budget, "approve", user=owner, role=Role.OWNER).approved_by == owner


def test_a_stale_version_moves_nothing(account, owner, budget):
    make_line(budget, owner)
    with pytest.raises(StaleVersion) as refused:
        move_budget(
            action="submit",
            budget_id=budget.pk,
            version=1,
            acting_user=owner,
            acting_role=Role.OWNER,
            account=account,
            now=datetime.now(UTC),
        )
    assert refused.value.current == 2
    assert not BudgetDecision.objects.exists()


def test_a_plan_of_nothing_is_not_submitted(go, account, owner):
    with pytest.raises(NothingToApprove):
        go(make_budget(account, owner, total=None), "submit")


@pytest.mark.parametrize("action", ["reject", "revise"])
def test_going_back_to_draft_needs_a_reason_and_forgets_the_approval(go, budget, action):
    bring_to(go, budget, MOVES[action].from_statuses[0])
    with pytest.raises(ReasonRequired):
        go(budget, action, reason="  ")
    moved = go(budget, action, reason="The hall costs more")
    assert (moved.status, moved.submitted_by, moved.approved_by) == ("draft", None, None)
    assert moved.revision == (2 if action == "revise" else 1)
    assert BudgetDecision.objects.get(action=action).reason == "The hall costs more"


@pytest.mark.parametrize(
    ("actual", "outcome"),
    [
        ("1000", []),
        ("900", []),
        ("899.99", ["variance_high"]),
        ("1100.01", ["variance_high"]),
        ("800", ["variance_high"]),
        ("1200", ["variance_high"]),
        ("799.90", VarianceTooHigh),
        ("1200.10", VarianceTooHigh),
    ],
)
def test_finalizing_looks_at_the_variance(go, account, owner, manager, budget, actual, outcome):
    for action in STORY[:3]:
        go(budget, action)
    ledger.post(
        budget_id=budget.pk, kind=EntryKind.ACTUAL, actual_delta=Decimal(actual), currency="CAD", source="manual"
    )

    def finalize(**options):
        return move_budget(
            action="finalize",
            budget_id=budget.pk,
            version=EventBudget.objects.get(pk=budget.pk).version,
            acting_user=owner if options["acting_role"] == Role.OWNER else manager,
            account=account,
            now=datetime.now(UTC),
            **options,
        )

    if outcome is VarianceTooHigh:
        with pytest.raises(VarianceTooHigh):
            finalize(acting_role=Role.MANAGER)
        with pytest.raises(VarianceTooHigh):
            finalize(acting_role=Role.MANAGER, override=True, reason="I say so")
        with pytest.raises(ReasonRequired):
            finalize(acting_role=Role.OWNER, override=True)
        moved = finalize(acting_role=Role.OWNER, override=True, reason="Rained out")
        assert [warning["code"] for warning in moved.warnings] == ["variance_high"]
    else:
        moved = finalize(acting_role=Role.MANAGER)
        assert [warning["code"] for warning in moved.warnings] == outcome
    assert moved.budget.status == "finalized"


def test_every_move_is_in_the_budgets_history(go, budget, owner):
    go(budget, "submit")
    newest = budget.history.order_by("-history_id").first()
    assert (newest.status, newest.version, newest.history_change_reason) == ("review", 2, "submit")
