"""A whole plan saved at once: all of it or nothing, and never over what somebody else has done."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from budgets.models import BudgetLineItem, EventBudget, LedgerEntry
from budgets.services.line_item import update_line_item
from budgets.services.plan import LineChange, LineRefused, save_plan
from budgets.services.problems import LinesExceedTotal, PlanFixed, StaleVersion
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_line, move

NOW = datetime(2026, 5, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def budget(account: Account, owner: User) -> EventBudget:
    return make_budget(account, owner, total="3000")


@pytest.fixture
def lines(budget: EventBudget, owner: User) -> tuple[BudgetLineItem, BudgetLineItem]:
    hall = make_line(budget, owner, name="Hall", budgeted_amount=Decimal(2000))
    band = make_line(budget, owner, name="Band", budgeted_amount=Decimal(1000))
    return hall, band


def save(budget: EventBudget, owner: User, *changes: LineChange, version: int | None = None, **head) -> EventBudget:
    current = EventBudget.objects.get(pk=budget.pk).version
    return save_plan(
        budget_id=budget.pk,
        version=current if version is None else version,
        acting_user=owner,
        now=NOW,
        lines=changes,
        **head,
    )


def amounts(budget: EventBudget) -> dict[str, Decimal]:
    found = BudgetLineItem.objects.filter(budget=budget).order_by("name")
    return dict(found.values_list("name", "budgeted_amount"))


def test_money_is_shifted_between_lines_under_a_full_ceiling(budget, lines, owner):
    hall, band = lines
    before = EventBudget.objects.get(pk=budget.pk).version

    saved = save(
        budget,
        owner,
        LineChange("a", band.pk, {"budgeted_amount": Decimal(1500)}),
        LineChange("b", hall.pk, {"budgeted_amount": Decimal(1500)}),
    )

    assert amounts(budget) == {"Band": Decimal(1500), "Hall": Decimal(1500)}
    assert (saved.lines_total_amount, saved.version) == (Decimal(3000), before + 1)


def test_lines_are_added_changed_and_deleted_in_one_go(budget, lines, owner):
    hall, band = lines

    saved = save(
        budget,
        owner,
        LineChange("a", hall.pk, {"name": "Great hall"}),
        LineChange("b", band.pk, delete=True),
        LineChange("c", None, {"name": "Choir", "category": "Entertainment", "budgeted_amount": Decimal(900)}),
    )

    assert amounts(budget) == {"Choir": Decimal(900), "Great hall": Decimal(2000)}
    assert saved.lines_total_amount == Decimal(2900)


def test_a_higher_ceiling_makes_room_and_a_lower_one_waits(budget, lines, owner):
    hall, _ = lines

    raised = save(
        budget,
        owner,
        LineChange("a", hall.pk, {"budgeted_amount": Decimal(4000)}),
        total_budget_amount=Decimal(5000),
    )
    lowered = save(
        budget,
        owner,
        LineChange("a", hall.pk, {"budgeted_amount": Decimal(500)}),
        total_budget_amount=Decimal(1500),
    )

    assert (raised.total_budget_amount, raised.lines_total_amount) == (Decimal(5000), Decimal(5000))
    assert (lowered.total_budget_amount, lowered.lines_total_amount) == (Decimal(1500), Decimal(1500))


def test_one_refused_line_leaves_everything_as_it_was(budget, lines, owner):
    hall, band = lines

    with pytest.raises(LineRefused) as refusal:
        save(
            budget,
            owner,
            LineChange("first", hall.pk, {"name": "Great hall", "actual_amount": Decimal(50)}),
            LineChange("second", band.pk, {"budgeted_amount": Decimal("10.005")}),
        )

    assert (refusal.value.key, refusal.value.code) == ("second", "too_many_decimals")
    assert amounts(budget) == {"Band": Decimal(1000), "Hall": Decimal(2000)}
    assert LedgerEntry.objects.count() == 0


def test_lines_beyond_the_ceiling_are_refused_together(budget, lines, owner):
    hall, _ = lines

    with pytest.raises(LinesExceedTotal):
        save(budget, owner, LineChange("a", hall.pk, {"budgeted_amount": Decimal(2001)}))

    assert amounts(budget) == {"Band": Decimal(1000), "Hall": Decimal(2000)}


def test_the_ceiling_is_not_overwritten_by_who_has_not_seen_the_present_one(budget, lines, owner):
    hall, _ = lines
    read = EventBudget.objects.get(pk=budget.pk).version
    save(budget, owner, LineChange("a", hall.pk, {"name": "Great hall"}))

    with pytest.raises(StaleVersion):
        save(budget, owner, version=read, total_budget_amount=Decimal(9000))

    assert EventBudget.objects.get(pk=budget.pk).total_budget_amount == Decimal(3000)


def test_two_people_change_different_lines(budget, lines, owner):
    hall, band = lines
    read = EventBudget.objects.get(pk=budget.pk).version
    save(budget, owner, LineChange("a", hall.pk, {"name": "Great hall"}))

    save(budget, owner, LineChange("a", band.pk, {"name": "Big band"}), version=read)

    assert set(amounts(budget)) == {"Big band", "Great hall"}


def test_a_line_that_somebody_else_changed_is_stale(budget, lines, owner):
    hall, _ = lines
    read = EventBudget.objects.get(pk=budget.pk).version
    update_line_item(budget_id=budget.pk, line_item_id=hall.pk, version=read, acting_user=owner, name="Great hall")

    with pytest.raises(LineRefused) as refusal:
        save(budget, owner, LineChange("a", hall.pk, {"name": "Small hall"}), version=read)

    assert refusal.value.code == "stale_version"
    assert set(amounts(budget)) == {"Band", "Great hall"}


def test_a_version_from_the_future_is_refused(budget, lines, owner):
    with pytest.raises(StaleVersion):
        save(budget, owner, LineChange("a", lines[0].pk, {"name": "X"}), version=999)


def test_the_plan_is_fixed_once_submitted_and_spending_is_not(account, budget, lines, owner):
    hall, _ = lines
    move(budget, "submit", user=owner, role=Role.OWNER, account=account)

    with pytest.raises(PlanFixed):
        save(budget, owner, total_budget_amount=Decimal(9000))
    with pytest.raises(LineRefused) as refusal:
        save(budget, owner, LineChange("a", hall.pk, {"name": "Great hall"}))
    saved = save(budget, owner, LineChange("a", hall.pk, {"actual_amount": Decimal(150)}))

    assert refusal.value.code == "plan_fixed"
    assert saved.total_actual_amount == Decimal(150)
