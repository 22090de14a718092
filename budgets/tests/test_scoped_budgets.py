"""Scoped budgets: what is spent counts in the whole chain, shows in the status, and is refused where it must be."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from django.core.exceptions import ValidationError
from django.db import IntegrityError, connection, transaction

from budgets.models import BudgetWindow, LedgerEntry, Reservation, ScopedBudget
from budgets.selectors.constraint_check import check_constraints, check_scopes
from budgets.services import reservation
from budgets.services.ledger_proof import rebuild_totals, verify_ledger
from budgets.services.problems import CurrencyMismatch, IdempotencyMismatch
from budgets.services.reservation import expire_reservations, release_reservation, reserve, settle_reservation
from budgets.services.scoped_budget import delete_scoped_budget, update_scoped_budget
from budgets.services.scoped_problems import (
    HasChildren,
    NoRoom,
    ParentCurrencyDiffers,
    ParentNotFound,
    PlaceFixed,
    ReservationClosed,
    UsageAlreadyReversed,
)
from budgets.services.usage import reverse_usage
from budgetsite.accounts.roles import Role
from budgetsite.operations.piecework import SomeFailed
from budgetsite.testing.concurrency import run_at_once
from budgetsite.testing.people import make_member
from budgetsite.testing.scoped_budgets import NOW, make_scoped_budget, make_tree, spend, standing

BLOCK_AT_100 = [{"threshold": "100", "actions": ["block-all"]}]


def figures(budget, now=NOW):
    stands = standing(budget, now=now).figures
    return tuple(f"{amount.normalize():f}" for amount in (stands.actual, stands.committed, stands.reserved))


def test_800_of_1000_on_day_10_of_30_burn_80_a_day_and_lead_to_2400(account, owner):
    budget = make_scoped_budget(account, owner)
    spend(budget, owner, 800)

    stands = standing(budget)
    assert (stands.figures.percent_used, stands.level) == (Decimal("80.00"), "warning")
    assert (stands.burn_rate, stands.projected_total) == (Decimal("80.00"), Decimal("2400.00"))
    assert (stands.figures.remaining, stands.figures.overrun) == (200, 0)
    assert (stands.days_remaining, stands.days_elapsed, stands.days) == (20, 10, 30)
    assert verify_ledger() == []


def test_usage_counts_in_every_ancestor_and_nowhere_else(account, owner):
    organization, team, user, project = make_tree(account, owner)
    sibling = make_scoped_budget(account, owner, scope_type="team", scope_id="bar", parent_id=organization.pk)
    spend(project, owner, "40.000001")
    spend(team, owner, 5)
    spend(sibling, owner, 7)

    assert [figures(budget)[0] for budget in (organization, team, user, project, sibling)] == [
        "52.000001",
        "45.000001",
        "40.000001",
        "40.000001",
        "7",
    ]
    assert verify_ledger() == []


def test_usage_goes_to_the_window_that_holds_its_time(account, owner):
    year = make_scoped_budget(account, owner, period="annual", start_date=date(2026, 1, 1))
    month = make_scoped_budget(account, owner, parent_id=year.pk)
    spend(month, owner, 10, timestamp=datetime(2026, 5, 31, 23, 59, 59, tzinfo=UTC))
    spend(month, owner, 20, timestamp=datetime(2026, 6, 1, tzinfo=UTC))

    assert (figures(month)[0], figures(year)[0]) == ("20", "30")
    windows = BudgetWindow.objects.filter(budget=month).order_by("window_start")
    assert [(w.window_start.date(), w.window_end.date(), w.actual_amount) for w in windows] == [
        (date(2026, 5, 1), date(2026, 6, 1), 10),
        (date(2026, 6, 1), date(2026, 7, 1), 20),
    ]
    assert verify_ledger() == []


def test_usage_of_10000_on_1000_is_recorded(account, owner):
    budget = make_scoped_budget(account, owner)
    spend(budget, owner, 10_000)

    stands = standing(budget)
    assert (stands.figures.percent_used, stands.level) == (Decimal("1000.00"), "exceeded")
    assert (stands.figures.remaining, stands.figures.overrun) == (-9000, 9000)


def test_usage_in_another_currency_is_refused_and_nothing_changed(account, owner):
    budget = make_scoped_budget(account, owner)
    with pytest.raises(CurrencyMismatch):
        spend(budget, owner, 10, currency="EUR")
    assert not LedgerEntry.objects.exists()
    assert not BudgetWindow.objects.exists()


def test_a_repeated_key_is_recorded_once(account, owner):
    budget = make_scoped_budget(account, owner)
    first = spend(budget, owner, 10, idempotency_key="a")
    again = spend(budget, owner, 10, idempotency_key="a", now=NOW + timedelta(minutes=1))

    assert (again.entry.pk, again.repeated, figures(budget)[0]) == (first.entry.pk, True, "10")
    with pytest.raises(IdempotencyMismatch):
        spend(budget, owner, 11, idempotency_key="a")


def test_usage_is_taken_back_once_where_it_was_counted(account, owner):
    top, *_rest, project = make_tree(account, owner)
    entry = spend(project, owner, 30, timestamp=datetime(2026, 5, 2, tzinfo=UTC)).entry
    reverse_usage(budget_id=project.pk, entry_id=entry.pk, acting_user=owner, now=NOW)

    assert [window.actual_amount for window in BudgetWindow.objects.filter(budget=top)] == [0]
    for pk in LedgerEntry.objects.values_list("pk", flat=True):
        with pytest.raises(UsageAlreadyReversed):
            reverse_usage(budget_id=project.pk, entry_id=pk, acting_user=owner, now=NOW)
    assert verify_ledger() == []


def test_enforced_usage_that_does_not_fit_above_is_refused_by_everyone_without_room(account, owner):
    top = make_scoped_budget(account, owner, amount=Decimal(100))
    leaf = make_scoped_budget(account, owner, name="Kitchen", scope_type="team", parent_id=top.pk, amount=Decimal(50))
    spend(leaf, owner, 40)
    with pytest.raises(NoRoom) as refused:
        spend(leaf, owner, 70, enforce=True)

    assert [(r.name, r.remaining) for r in refused.value.refusals] == [("Kitchen", 10), ("Season", 60)]
    assert (figures(top)[0], LedgerEntry.objects.count()) == ("40", 1)
    spend(leaf, owner, 10, enforce=True)
    assert verify_ledger() == []


def test_the_strictest_action_that_an_estimate_reaches_governs(account, owner):
    thresholds = [{"threshold": "80", "actions": ["block-all"]}, {"threshold": "90", "actions": ["notify"]}]
    budget = make_scoped_budget(account, owner, thresholds=thresholds)

    def check(estimate):
        return check_constraints(budget_id=budget.pk, estimated_cost=Decimal(estimate), now=NOW)

    assert check("799.99").can_proceed
    refused = check(950)
    assert (refused.can_proceed, refused.projected_percent) == (False, Decimal("95.00"))
    assert refused.suggested_actions == ["block-all", "notify"]
    assert [(r.action, r.remaining) for r in refused.refusals] == [("block-all", 1000)]
    assert not check(800).can_proceed


def test_scopes_are_asked_with_all_their_ancestors_and_none_at_all_refuses(account, owner):
    organization, _team, _user, project = make_tree(account, owner)
    spend(organization, owner, 990)

    def check(**scopes):
        return check_scopes(scopes=scopes, estimated_cost=Decimal(20), now=NOW)

    verdict = check(project="project", team="nobody")
    assert [refusal.name for refusal in verdict.refusals] == ["Organization"]
    assert not check(team="nobody").can_proceed
    assert check(project="project").refusals[0].remaining == 10
    assert len(check(project="project", organization="organization").judgements) == len(project.path) + 1


def test_a_soft_top_warns_and_a_hard_one_refuses(account, owner):
    top = make_scoped_budget(account, owner, enforcement="warn", amount=Decimal(100))
    leaf = make_scoped_budget(account, owner, parent_id=top.pk, scope_type="team")
    assert spend(leaf, owner, 150, enforce=True).counted[1].after is None

    verdict = check_constraints(budget_id=leaf.pk, estimated_cost=Decimal(1), now=NOW)
    assert verdict.can_proceed
    assert "over by 51.00 USD" in verdict.reason
    assert (figures(top)[0], standing(top).level) == ("150", "exceeded")

    update_scoped_budget(budget_id=top.pk, acting_user=owner, enforcement="stop")
    assert figures(top)[0] == "150"
    with pytest.raises(NoRoom):
        spend(leaf, owner, 1, enforce=True)
    assert verify_ledger() == []


def test_a_reservation_that_cannot_be_freed_holds_up_none_behind_it(account, owner, monkeypatch):
    budget = make_scoped_budget(account, owner)
    broken, *others = [
        reserve(budget_id=budget.pk, amount=Decimal(10), ttl_seconds=seconds, acting_user=owner, now=NOW)
        for seconds in (1, 2, 2, 3)
    ]
    free = reservation._free

    def fails_for_one(row, *arguments):
        if row.pk == broken.pk:
            raise RuntimeError("out of paper")
        free(row, *arguments)

    monkeypatch.setattr(reservation, "_free", fails_for_one)
    # Of two that expire in one moment neither is passed over.
    monkeypatch.setattr(reservation, "BATCH_SIZE", 2)
    with pytest.raises(SomeFailed):
        expire_reservations(now=NOW + timedelta(minutes=1))
    assert set(Reservation.objects.filter(status="expired")) == set(others)
    monkeypatch.undo()
    assert expire_reservations(now=NOW + timedelta(minutes=1)) == 1


def test_what_is_reserved_is_gone_until_it_is_settled_released_or_expired(account, owner):
    top, *_rest, leaf = make_tree(account, owner)

    def hold(amount, seconds=60):
        return reserve(budget_id=leaf.pk, amount=Decimal(amount), ttl_seconds=seconds, acting_user=owner, now=NOW)

    first, second = hold(600), hold(300)
    with pytest.raises(NoRoom):
        hold(101)
    assert figures(top) == figures(leaf) == ("0", "0", "900")

    settle = {"budget_id": leaf.pk, "reservation_id": first.pk, "acting_user": owner, "now": NOW}
    settle_reservation(**settle, amount=Decimal(200), final=False)
    assert figures(top) == ("200", "0", "700")
    settle_reservation(**settle, amount=Decimal(450))
    assert figures(top) == ("650", "0", "300")
    with pytest.raises(ReservationClosed):
        settle_reservation(**settle, amount=Decimal(1))

    # Nobody has freed it yet, and it counts for nobody.
    later = NOW + timedelta(seconds=60)
    assert (figures(top, later), Reservation.objects.get(pk=second.pk).status) == (("650", "0", "0"), "held")
    spend(leaf, owner, 350, enforce=True, now=later)
    assert expire_reservations(now=later) == 1
    assert expire_reservations(now=later) == 0
    assert figures(top) == ("1000", "0", "0")

    # What expired may turn out to have been spent all the same.
    settle_reservation(**(settle | {"reservation_id": second.pk, "now": later}), amount=Decimal(5))
    assert figures(top) == ("1005", "0", "0")
    assert verify_ledger() == []


def test_released_twice_is_released_once(account, owner):
    budget = make_scoped_budget(account, owner)
    held = reserve(budget_id=budget.pk, amount=Decimal(10), ttl_seconds=60, acting_user=owner, now=NOW)
    for _ in range(2):
        release_reservation(budget_id=budget.pk, reservation_id=held.pk, now=NOW)
    assert figures(budget) == ("0", "0", "0")
    assert verify_ledger() == []


def test_a_moved_start_date_counts_every_window_anew(account, owner):
    budget = make_scoped_budget(account, owner)
    spend(budget, owner, 10, timestamp=datetime(2026, 6, 3, tzinfo=UTC))
    spend(budget, owner, 20, timestamp=datetime(2026, 6, 9, tzinfo=UTC))
    held = reserve(budget_id=budget.pk, amount=Decimal(5), ttl_seconds=60, acting_user=owner, now=NOW)

    update_scoped_budget(budget_id=budget.pk, acting_user=owner, start_date=date(2026, 5, 5), timezone="Pacific/Apia")

    assert figures(budget) == ("20", "0", "5")
    release_reservation(budget_id=budget.pk, reservation_id=held.pk, now=NOW)
    assert sorted(BudgetWindow.objects.values_list("actual_amount", flat=True)) == [10, 20]
    assert verify_ledger() == []


def test_a_parent_with_a_live_child_cannot_go(account, owner):
    top, team, *_rest = make_tree(account, owner)
    with pytest.raises(HasChildren):
        delete_scoped_budget(budget_id=top.pk, acting_user=owner, now=NOW)
    assert ScopedBudget.objects.filter(pk__in=[top.pk, team.pk]).count() == 2


def test_what_was_spent_from_a_deleted_budget_goes_on_counting_above(account, owner):
    top, *_rest, leaf = make_tree(account, owner)
    spend(leaf, owner, 30)
    delete_scoped_budget(budget_id=leaf.pk, acting_user=owner, now=NOW)
    assert figures(top)[0] == "30"
    assert verify_ledger() == []


def test_place_is_fixed_and_parents_share_the_currency(account, owner):
    top = make_scoped_budget(account, owner)
    with pytest.raises(ParentCurrencyDiffers):
        make_scoped_budget(account, owner, parent_id=top.pk, currency="EUR")
    with pytest.raises(ParentNotFound):
        make_scoped_budget(account, owner, parent_id=owner.pk)
    with pytest.raises(PlaceFixed):
        update_scoped_budget(budget_id=top.pk, acting_user=owner, scope_id="them")
    with pytest.raises(ValidationError):
        make_scoped_budget(account, owner, end_date=date(2026, 6, 1))


@pytest.mark.parametrize(
    ("column", "value"),
    [("amount", "'NaN'"), ("amount", "0"), ("path", "ARRAY[id]"), ("currency", "'EUR'"), ("scope_id", "'them'")],
)
def test_sql_by_hand_sets_no_impossible_amount_and_moves_no_budget(account, owner, column, value):
    budget = make_scoped_budget(account, owner)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(f"UPDATE budgets_scopedbudget SET {column} = {value} WHERE id = %s", [budget.pk])
    assert verify_ledger() == []


@pytest.mark.parametrize(("enforce", "recorded"), [(True, 20), (False, 40)])
def test_of_40_who_spend_50_of_1000_at_once_exactly_20_may_where_it_is_enforced(
    committed_db, account, enforce, recorded
):
    with transaction.atomic():
        owner = make_member(account, Role.OWNER).user
        budget = make_scoped_budget(account, owner, thresholds=BLOCK_AT_100)
    results = run_at_once(
        [lambda: spend(budget, owner, 50, enforce=enforce)] * 40, tenant_id=account.pk, user_id=owner.pk
    )

    assert sum(not isinstance(result, Exception) for result in results) == recorded
    assert {type(result) for result in results if isinstance(result, Exception)} <= {NoRoom}
    with transaction.atomic():
        assert figures(budget)[0] == str(recorded * 50)
        assert verify_ledger() == []


def test_tampered_windows_are_named_and_mended(account, owner):
    top, *_rest, leaf = make_tree(account, owner)
    spend(leaf, owner, 30)
    BudgetWindow.objects.filter(budget=top).update(actual_amount=Decimal(29))

    assert [str(problem.subject_id) for problem in verify_ledger()] == [str(top.pk)]
    rebuild_totals()
    assert verify_ledger() == []
    assert figures(top)[0] == "30"
