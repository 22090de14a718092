"""Approval in stages: what the account's rules ask for, and who may take which stage."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from budgets.models import ApprovalStage, BudgetDecision, BudgetRevision, Category, EventBudget, LineKind
from budgets.services.approval import required_stages, stages_without_anybody
from budgets.services.approval_rules import create_approval_rule, delete_approval_rule, update_approval_rule
from budgets.services.problems import InvalidTransition, OwnSubmission, StageNotYours, StageTaken, StaleVersion
from budgets.services.workflow import Moved, RoleNotAllowed, move_budget
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import change_role, end_membership
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, move
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member

NOW = datetime(2026, 5, 1, 9, 0, tzinfo=UTC)
PEOPLE = 20


@pytest.fixture
def rule(account, owner):
    """Return a function that adds a rule in the account's currency, a category by its name."""

    def add(role, above="0", *, stage=1, category=None, currency="CAD", **fields):
        return create_approval_rule(
            acting_user=owner,
            role=role,
            above_amount=Decimal(above),
            stage=stage,
            category=Category.objects.get(name=category) if category else None,
            currency=currency,
            **fields,
        )

    return add


@pytest.fixture
def policy(rule):
    """Manager up to 10,000; manager then owner above; any line over 5,000 in Entertainment needs the owner."""
    return [
        rule("manager"),
        rule("owner", "10000", stage=2),
        rule("owner", "5000", stage=2, category="Entertainment"),
    ]


def line(amount, category="Entertainment", **fields):
    return {"category": category, "name": "Band", "budgeted_amount": Decimal(amount), **fields}


def planned(account, user, total, *lines, name="Gala"):
    return make_budget(account, user, total=total, lines=list(lines), event=make_event(account, user, name=name))


def submitted(account, user, total="12000", *lines):
    budget = planned(account, user, total, *lines)
    return move(budget, "submit", user=user, role=Role.OWNER, account=account)


def approve(budget, user, role, account):
    return move(budget, "approve", user=user, role=role, account=account)


def state():
    """Everything that an approval changes."""
    return (
        list(EventBudget.objects.values_list("status", "version", "awaiting_stage", "approved_by")),
        list(ApprovalStage.objects.order_by("submission", "stage").values_list("decided_by", "decided_at")),
        BudgetDecision.objects.count(),
        BudgetRevision.objects.count(),
        OutboxEvent.objects.count(),
    )


@pytest.mark.parametrize(
    ("total", "lines", "asked"),
    [
        ("9999.99", [], ["manager"]),
        # Exactly at the limit is within it.
        ("10000", [], ["manager"]),
        ("10000.01", [], ["manager", "owner"]),
        ("8000", [line("5000")], ["manager"]),
        ("8000", [line("5000.01")], ["manager", "owner"]),
        ("8000", [line("3000"), line("3000")], ["manager"]),
        ("8000", [line("8000", "Venue")], ["manager"]),
        ("12000", [line("6000")], ["manager", "owner"]),
        # What comes in is no spending.
        ("8000", [line("9000", kind=LineKind.INCOME)], ["manager"]),
    ],
)
def test_the_policy_asks_for_what_it_says(account, owner, policy, total, lines, asked):
    budget = submitted(account, owner, total, *lines)
    stages = ApprovalStage.objects.order_by("stage")
    assert [(stage.stage, stage.role) for stage in stages] == list(enumerate(asked, start=1))
    assert (budget.awaiting_stage, budget.awaiting_role) == (1, "manager")


def test_each_stage_says_why(account, owner, policy):
    submitted(account, owner, "12000", line("6000"))
    assert list(ApprovalStage.objects.order_by("stage").values_list("because", flat=True)) == [
        "",
        "a total above 10,000.00 CAD and a line of Entertainment above 5,000.00 CAD",
    ]


def test_without_rules_one_manager_or_owner_is_enough(account, owner):
    assert [(stage.stage, stage.role) for stage in required_stages(planned(account, owner, "1000000"))] == [
        (1, Role.MANAGER)
    ]


def test_stages_are_numbered_without_gaps_and_the_strongest_role_counts(account, owner, rule):
    rule("manager", "100", stage=5)
    rule("manager", stage=3)
    rule("owner", "200", stage=3)
    stages = required_stages(planned(account, owner, "300"))
    assert [(stage.stage, stage.role, stage.because) for stage in stages] == [
        (1, Role.OWNER, "a total above 200.00 CAD"),
        (2, Role.MANAGER, "a total above 100.00 CAD"),
    ]


def test_a_rule_in_another_currency_always_applies(account, owner, rule):
    rule("owner", "1000000", currency="JPY")
    rule("owner", "1000000", currency="JPY", stage=2, category="Venue")
    assert [stage.role for stage in required_stages(planned(account, owner, "1"))] == [Role.OWNER]
    with_venue = planned(account, owner, "1", line("1", "Venue"), name="With a hall")
    assert [stage.role for stage in required_stages(with_venue)] == [Role.OWNER, Role.OWNER]


def test_a_plan_is_in_force_after_its_last_stage(account, owner, staff, manager, policy):
    budget = submitted(account, staff)

    first = approve(budget, manager, Role.MANAGER, account)
    assert (first.status, first.awaiting_stage, first.awaiting_role, first.approved_by) == ("review", 2, "owner", None)
    assert not BudgetRevision.objects.exists()

    second = approve(budget, owner, Role.OWNER, account)
    assert (second.status, second.awaiting_stage, second.awaiting_role, second.awaiting_since) == (
        "approved",
        None,
        "",
        None,
    )
    assert (second.approved_by, second.version) == (owner, budget.version + 2)
    assert BudgetRevision.objects.get().approved_by == owner
    decisions = BudgetDecision.objects.filter(action="approve").order_by("version")
    assert list(decisions.values_list("stage", "actor", "to_status")) == [
        (1, manager.pk, "review"),
        (2, owner.pk, "approved"),
    ]
    kinds = OutboxEvent.objects.exclude(kind="budget.changed").order_by("position").values_list("kind", flat=True)
    assert list(kinds) == ["budget.submitted", "budget.stage_approved", "budget.approved"]


def test_nobody_approves_what_they_submitted_at_any_stage(account, owner, manager, policy):
    budget = submitted(account, owner)
    before = state()
    with pytest.raises(OwnSubmission) as refused:
        approve(budget, owner, Role.OWNER, account)
    assert state() == before
    assert [(move["action"], move["roles"]) for move in refused.value.allowed] == [
        ("approve", ["owner", "manager"]),
        ("reject", ["owner", "manager"]),
    ]

    approve(budget, manager, Role.MANAGER, account)
    before = state()
    with pytest.raises(OwnSubmission):
        approve(budget, owner, Role.OWNER, account)
    assert state() == before


def test_one_person_never_takes_two_stages(account, owner, staff, policy):
    budget = submitted(account, staff)
    approve(budget, owner, Role.OWNER, account)
    before = state()
    with pytest.raises(StageTaken) as refused:
        approve(budget, owner, Role.OWNER, account)
    assert refused.value.stage == 1
    assert state() == before


def test_the_database_keeps_two_stages_apart_too(account, owner, staff, policy):
    budget = submitted(account, staff)
    approve(budget, owner, Role.OWNER, account)
    second = ApprovalStage.objects.filter(budget=budget, stage=2)
    with pytest.raises(IntegrityError, match="budgets_approvalstage_one_per_person"), transaction.atomic():
        second.update(decided_by=owner, decided_at=NOW)
    with pytest.raises(IntegrityError, match="budgets_approvalstage_decided_whole"), transaction.atomic():
        second.update(decided_at=NOW)


def test_without_four_eyes_the_submitter_takes_one_stage_and_no_more(account, owner, policy):
    account.four_eyes = False
    account.save()
    budget = submitted(account, owner)
    approve(budget, owner, Role.OWNER, account)
    with pytest.raises(StageTaken):
        approve(budget, owner, Role.OWNER, account)
    another = make_member(account, Role.OWNER).user
    assert approve(budget, another, Role.OWNER, account).status == "approved"


def test_a_stage_for_the_owner_is_not_a_managers(account, staff, manager, policy):
    budget = submitted(account, staff)
    approve(budget, manager, Role.MANAGER, account)
    other = make_member(account, Role.MANAGER).user
    before = state()
    with pytest.raises(StageNotYours, match=r"Stage 2 of 2 is for the account's owner.*10,000\.00 CAD") as refused:
        approve(budget, other, Role.MANAGER, account)
    assert [(move["action"], move["roles"]) for move in refused.value.allowed] == [
        ("approve", ["owner"]),
        ("reject", ["owner", "manager"]),
    ]
    assert state() == before


@pytest.mark.parametrize("role", [Role.STAFF, Role.ORGANIZER, Role.CLIENT, Role.ATTENDEE])
def test_other_roles_approve_nothing(account, owner, role):
    budget = submitted(account, owner)
    before = state()
    with pytest.raises(RoleNotAllowed) as refused:
        approve(budget, make_member(account, role).user, role, account)
    assert [move["action"] for move in refused.value.allowed] == ["approve", "reject"]
    assert state() == before


def test_what_a_person_is_now_counts_not_what_they_came_with(account, owner, staff, policy):
    demoted, gone = (make_member(account, Role.MANAGER) for _ in range(2))
    change_role(membership_id=demoted.pk, role=Role.STAFF, acting_user=owner, acting_role=Role.OWNER)
    end_membership(membership_id=gone.pk, acting_user=owner, acting_role=Role.OWNER, now=NOW)
    budget = submitted(account, staff)
    before = state()
    for member in (demoted, gone):
        with pytest.raises(RoleNotAllowed):
            approve(budget, member.user, Role.MANAGER, account)
    assert state() == before

    promoted = make_member(account, Role.MANAGER)
    approve(budget, promoted.user, Role.MANAGER, account)
    second = make_member(account, Role.MANAGER)
    with pytest.raises(StageNotYours):
        approve(budget, second.user, Role.OWNER, account)
    assert EventBudget.objects.get().awaiting_stage == 2


def test_a_stage_decided_stays_decided_when_its_person_leaves(account, owner, staff, policy):
    member = make_member(account, Role.MANAGER)
    budget = submitted(account, staff)
    approve(budget, member.user, Role.MANAGER, account)
    end_membership(membership_id=member.pk, acting_user=owner, acting_role=Role.OWNER, now=NOW)
    assert approve(budget, owner, Role.OWNER, account).status == "approved"


def test_stages_are_those_of_the_submission_whatever_becomes_of_the_rules(account, owner, staff, manager, rule, policy):
    budget = submitted(account, staff)
    for made in policy[1:]:
        delete_approval_rule(rule_id=made.pk, acting_user=owner, now=NOW)
    update_approval_rule(rule_id=policy[0].pk, acting_user=owner, role="owner")
    rule("owner", stage=3)

    assert approve(budget, manager, Role.MANAGER, account).status == "review"
    assert approve(budget, owner, Role.OWNER, account).status == "approved"


def test_what_was_approved_lapses_when_the_plan_is_sent_back(account, owner, staff, manager, policy):
    budget = submitted(account, staff)
    approve(budget, manager, Role.MANAGER, account)
    sent_back = move(budget, "reject", user=owner, role=Role.OWNER, account=account, reason="Too dear")
    assert (sent_back.status, sent_back.awaiting_stage, sent_back.awaiting_since) == ("draft", None, None)

    again = move(budget, "submit", user=staff, role=Role.STAFF, account=account)
    assert (again.awaiting_stage, again.awaiting_role) == (1, "manager")
    assert list(
        ApprovalStage.objects.order_by("submission", "stage").values_list("submission", "stage", "decided_by")
    ) == [(2, 1, manager.pk), (2, 2, None), (again.version, 1, None), (again.version, 2, None)]
    # Who took a stage of the one that lapsed may take one again.
    approve(budget, manager, Role.MANAGER, account)
    assert approve(budget, owner, Role.OWNER, account).status == "approved"


def test_a_revision_passes_every_stage_again(account, owner, staff, manager, policy):
    budget = submitted(account, staff)
    approve(budget, manager, Role.MANAGER, account)
    approve(budget, owner, Role.OWNER, account)
    move(budget, "revise", user=staff, role=Role.STAFF, account=account, reason="More guests")
    move(budget, "submit", user=staff, role=Role.STAFF, account=account)
    assert approve(budget, manager, Role.MANAGER, account).status == "review"
    assert EventBudget.objects.get().is_under_revision
    assert approve(budget, owner, Role.OWNER, account).status == "approved"
    assert not EventBudget.objects.get().is_under_revision


def test_out_of_order_or_twice_is_refused_with_what_is_possible(account, owner, manager):
    draft = planned(account, owner, "500")
    with pytest.raises(InvalidTransition, match=r"Possible now: submit \(owner, manager, staff or organizer\)\."):
        approve(draft, manager, Role.MANAGER, account)
    move(draft, "submit", user=owner, role=Role.OWNER, account=account)
    approve(draft, manager, Role.MANAGER, account)
    before = state()
    with pytest.raises(InvalidTransition, match="A budget that is approved can't be approved"):
        approve(draft, manager, Role.MANAGER, account)
    assert state() == before


def test_a_stale_version_takes_no_stage(account, owner, staff, manager, policy):
    budget = submitted(account, staff)
    approve(budget, manager, Role.MANAGER, account)
    before = state()
    with pytest.raises(StaleVersion):
        take(budget.pk, budget.version, owner, Role.OWNER, account)
    assert state() == before


def test_another_accounts_budget_rules_and_people_change_nothing(account, owner, manager, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        create_approval_rule(acting_user=rival, role="owner", currency="CAD", stage=2)
        theirs = submitted(other_account, rival, "500")
    mine = submitted(account, owner, "500")

    assert [stage.role for stage in ApprovalStage.objects.all()] == ["manager"]
    with pytest.raises(RoleNotAllowed):
        approve(mine, rival, Role.OWNER, account)
    with tenant_scope(other_account.pk), pytest.raises(RoleNotAllowed):
        approve(theirs, manager, Role.OWNER, other_account)
    assert EventBudget.objects.get().status == "review"


@pytest.mark.parametrize(
    ("asked", "people", "left"),
    [
        (["manager"], ["owner"], []),
        (["manager", "owner"], ["owner", "manager"], []),
        (["manager", "owner"], ["owner"], [0]),
        (["manager", "owner"], ["manager", "manager"], [1]),
        (["owner", "manager", "owner"], ["owner", "manager"], [2]),
        (["manager", "manager"], [], [0, 1]),
    ],
)
def test_an_owner_is_kept_for_what_only_an_owner_decides(asked, people, left):
    assert stages_without_anybody(asked, [Role(role) for role in people]) == left


def take(budget_id, version, user, role, account):
    return move_budget(
        action="approve",
        budget_id=budget_id,
        version=version,
        acting_user=user,
        acting_role=role,
        account=account,
        now=NOW,
    )


def test_submitting_approving_and_revising_take_the_same_statements_for_any_plan(
    account, owner, staff, manager, policy
):
    def statements(size):
        """Count what each move takes: of the first plan, then of its revision."""
        lines = [line(Decimal(100), sort_order=number) for number in range(size)]
        budget = planned(account, staff, "20000", *lines, name=f"{size} lines")
        counted = []
        for _plan in range(2):
            for action, user, role in (
                ("submit", staff, Role.STAFF),
                ("approve", manager, Role.MANAGER),
                ("approve", owner, Role.OWNER),
                ("revise", staff, Role.STAFF),
            ):
                with CaptureQueriesContext(connection) as captured:
                    move(budget, action, user=user, role=role, account=account, reason="More guests")
                counted.append(len(captured))
        return counted

    few, many = statements(1), statements(200)
    assert few == many
    assert max(many) <= 25


@pytest.fixture
def committed(committed_db, account):
    """Twenty managers and two owners, and a plan of two stages that somebody else has submitted."""
    with transaction.atomic():
        staff = make_member(account, Role.STAFF).user
        owners = [make_member(account, Role.OWNER).user for _ in range(2)]
        managers = [make_member(account, Role.MANAGER).user for _ in range(PEOPLE)]
        create_approval_rule(acting_user=owners[0], role="manager", currency="CAD")
        create_approval_rule(acting_user=owners[0], role="owner", stage=2, currency="CAD")
        return submitted(account, staff), owners, managers


def test_of_twenty_approvals_at_once_one_wins_and_nineteen_are_told(account, committed):
    budget, _, managers = committed

    results = run_at_once(
        [lambda user=user: take(budget.pk, budget.version, user, Role.MANAGER, account) for user in managers],
        tenant_id=account.pk,
    )

    won = [result for result in results if isinstance(result, Moved)]
    told = [result for result in results if isinstance(result, StaleVersion)]
    assert (len(won), len(told)) == (1, PEOPLE - 1)
    assert {refusal.current for refusal in told} == {budget.version + 1}
    with transaction.atomic():
        assert ApprovalStage.objects.exclude(decided_by=None).count() == 1
        assert EventBudget.objects.get().version == budget.version + 1


def test_two_stages_at_once_are_taken_one_after_the_other(account, committed):
    budget, [owner, other_owner], [manager, *_] = committed

    def take_again(user, role):
        """Somebody who is told that another was faster looks, and tries once more."""
        try:
            return take(budget.pk, budget.version, user, role, account)
        except StaleVersion as told:
            return take(budget.pk, told.current, user, role, account)

    results = run_at_once(
        [lambda: take_again(manager, Role.MANAGER), lambda: take_again(owner, Role.OWNER)], tenant_id=account.pk
    )

    with transaction.atomic():
        decided = list(
            ApprovalStage.objects.exclude(decided_by=None).order_by("stage").values_list("decided_by", flat=True)
        )
        stored = EventBudget.objects.get()
        if decided[0] == manager.pk:
            assert (decided[1:], stored.status) == ([owner.pk], "approved")
        else:
            # The owner was first and took the manager's stage: the manager is not enough for the other.
            assert (decided, stored.status, stored.awaiting_stage) == ([owner.pk], "review", 2)
            assert [type(result) for result in results] == [StageNotYours, Moved]
            take(budget.pk, stored.version, other_owner, Role.OWNER, account)
            assert EventBudget.objects.get().status == "approved"


def test_one_person_at_once_on_two_phones_takes_one_stage(account, committed):
    budget, [owner, _], _ = committed
    results = run_at_once(
        [lambda: take(budget.pk, EventBudget.objects.get().version, owner, Role.OWNER, account)] * 6,
        tenant_id=account.pk,
    )
    assert sum(isinstance(result, Moved) for result in results) == 1
    assert {type(result) for result in results} <= {Moved, StaleVersion, StageTaken}
    with transaction.atomic():
        assert EventBudget.objects.get().awaiting_stage == 2
