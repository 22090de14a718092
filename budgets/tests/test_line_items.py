from datetime import UTC, datetime
from decimal import Decimal

import pytest

from budgets.models import BudgetLineItem, EntryKind, EventBudget, LedgerEntry
from budgets.services import ledger
from budgets.services.event_budget import create_event_budget, update_event_budget
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import (
    add_line_items,
    delete_line_item,
    move_line_item,
    reorder_line_items,
    restore_line_item,
    update_line_item,
)
from budgets.services.problems import (
    BudgetExists,
    BudgetLocked,
    CurrencyMismatch,
    LineHasCommitments,
    LineNotFound,
    LinesExceedTotal,
    PlanFixed,
    StaleVersion,
    UnknownCategory,
)
from budgets.services.recalculation import recalculation_paused
from budgets.signals import budget_recalculated
from budgetsite.money.amounts import InvalidAmount
from budgetsite.tenancy.scope import Scope, deleted_rows_visible, scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move

NOW = datetime(2026, 5, 1, tzinfo=UTC)


@pytest.fixture
def budget(account, owner):
    return make_budget(account, owner, total="10000")


def stored(row):
    return type(row).objects.get(pk=row.pk)


def update(budget, line, user, *, version=None, **changes):
    return update_line_item(
        budget_id=budget.pk,
        line_item_id=line.pk,
        version=version if version is not None else stored(line).version,
        acting_user=user,
        **changes,
    )


def listen(heard):
    def receiver(figures, lines, **kwargs):
        heard.append((figures.actual, figures.budgeted))

    return receiver


class TestSaving:
    """Every way of saving a line has the same effects; the receivers see to it."""

    def test_saving_a_changed_plan_recomputes_the_budget_and_numbers_the_change(self, budget, owner):
        line = make_line(budget, owner, budgeted_amount="100")
        line = stored(line)
        line.budgeted_amount = Decimal(250)
        line.save()
        after = stored(budget)
        assert (after.lines_total_amount, after.version) == (250, 3)
        assert (stored(line).version, stored(line).variance_amount) == (3, 250)

    def test_saving_an_actual_posts_the_difference_and_keeps_the_version(self, budget, owner):
        line = stored(make_line(budget, owner, budgeted_amount="100", actual_amount="30"))
        version = stored(budget).version
        line.actual_amount = Decimal(50)
        line.save()
        assert stored(line).actual_amount == 50
        assert list(LedgerEntry.objects.order_by("seq").values_list("actual_delta", flat=True)) == [30, 20]
        assert (stored(budget).total_actual_amount, stored(budget).version) == (50, version)

    def test_an_unchanged_save_has_no_effect(self, budget, owner):
        line = stored(make_line(budget, owner, actual_amount="30"))
        version = stored(budget).version
        heard = []
        receiver = listen(heard)
        budget_recalculated.connect(receiver)
        try:
            line.save()
        finally:
            budget_recalculated.disconnect(receiver)
        assert heard == []
        assert stored(budget).version == version

    def test_a_row_read_earlier_never_writes_old_figures_back(self, budget, owner):
        line = make_line(budget, owner, budgeted_amount="100")
        read_before = stored(line)
        ledger.post(
            budget_id=budget.pk,
            line_item_id=line.pk,
            kind=EntryKind.ACTUAL,
            actual_delta=Decimal(40),
            currency="CAD",
            source="manual",
        )
        read_before.name = "Great hall"
        read_before.save()
        assert (stored(line).name, stored(line).actual_amount) == ("Great hall", 40)
        assert verify_ledger() == []

    def test_a_new_line_posts_the_actual_that_it_comes_with(self, budget, owner):
        other = make_line(budget, owner)
        line = BudgetLineItem.objects.create(
            budget=budget,
            category=other.category,
            name="Chairs",
            currency="CAD",
            budgeted_amount=Decimal(10),
            actual_amount=Decimal("12.5"),
        )
        assert stored(line).actual_amount == Decimal("12.5")
        assert stored(budget).total_actual_amount == Decimal("12.5")
        assert verify_ledger() == []

    def test_a_moved_line_takes_its_money_along_and_recomputes_both_budgets(self, account, owner, budget):
        line = make_line(budget, owner, budgeted_amount="100", actual_amount="30")
        ledger.post(
            budget_id=budget.pk,
            line_item_id=line.pk,
            kind=EntryKind.COMMIT,
            committed_delta=Decimal(5),
            currency="CAD",
            source="manual",
        )
        target = make_budget(account, owner, total="500")
        move_line_item(budget_id=budget.pk, line_item_id=line.pk, to_budget_id=target.pk, acting_user=owner)
        old, new = stored(budget), stored(target)
        assert (old.lines_total_amount, old.total_actual_amount, old.total_committed_amount) == (0, 0, 0)
        assert (new.lines_total_amount, new.total_actual_amount, new.total_committed_amount) == (100, 30, 5)
        moved = stored(line)
        assert (moved.actual_amount, moved.committed_amount, moved.version) == (30, 5, new.version)
        assert verify_ledger() == []

    def test_a_line_never_moves_into_another_currency(self, account, owner, budget):
        line = make_line(budget, owner, actual_amount="30")
        target = make_budget(account, owner, event=make_event(account, owner, currency="EUR"))
        with pytest.raises(CurrencyMismatch):
            move_line_item(budget_id=budget.pk, line_item_id=line.pk, to_budget_id=target.pk, acting_user=owner)
        assert stored(line).budget_id == budget.pk

    def test_bulk_changes_recompute_once(self, budget, owner):
        lines = [stored(make_line(budget, owner, name=str(n), budgeted_amount="10")) for n in range(3)]
        version = stored(budget).version
        heard = []
        receiver = listen(heard)
        budget_recalculated.connect(receiver)
        try:
            with recalculation_paused():
                for line in lines:
                    line.budgeted_amount = Decimal(20)
                    line.save()
        finally:
            budget_recalculated.disconnect(receiver)
        assert heard == [(0, 10000)]
        assert (stored(budget).lines_total_amount, stored(budget).version) == (60, version + 1)


class TestVersions:
    def test_the_lines_own_and_the_budgets_version_are_both_fresh(self, budget, owner):
        line = make_line(budget, owner)
        make_line(budget, owner, name="Later")
        assert (line.version, stored(budget).version) == (2, 3)
        update(budget, line, owner, version=2, notes="by the line's version")
        update(budget, line, owner, version=4, notes="by the budget's version")
        assert stored(line).notes == "by the budget's version"

    @pytest.mark.parametrize("version", [1, 2, 99])
    def test_a_version_before_the_lines_last_change_is_stale(self, budget, owner, version):
        line = make_line(budget, owner, name="Mine")
        update(budget, line, owner, name="Theirs")
        with pytest.raises(StaleVersion) as refused:
            update(budget, line, owner, version=version, name="Lost")
        assert (refused.value.sent, refused.value.current) == (version, 3)
        assert stored(line).name == "Theirs"

    def test_changing_one_line_leaves_another_ones_version(self, budget, owner):
        first, second = make_line(budget, owner, name="A"), make_line(budget, owner, name="B")
        update(budget, first, owner, name="A2")
        update(budget, second, owner, version=second.version, name="B2")
        assert stored(second).name == "B2"

    def test_an_actual_that_was_changed_since_it_was_read_is_not_replaced(self, budget, owner):
        line = make_line(budget, owner, actual_amount="5")
        update(budget, line, owner, actual_amount="6", actual_read=Decimal(5))
        with pytest.raises(StaleVersion):
            update(budget, line, owner, actual_amount="7", actual_read=Decimal(5))
        assert stored(line).actual_amount == 6

    def test_spending_leaves_every_version(self, budget, owner):
        line = make_line(budget, owner)
        update(budget, line, owner, actual_amount="9.99")
        assert (stored(line).version, stored(budget).version) == (2, 2)


class TestRules:
    def test_lines_fit_within_the_total(self, account, owner):
        budget = make_budget(account, owner, total="100")
        line = make_line(budget, owner, budgeted_amount="100")
        with pytest.raises(LinesExceedTotal) as refused:
            make_line(budget, owner, budgeted_amount="0.01")
        assert refused.value.lines_total == Decimal("100.01")
        with pytest.raises(LinesExceedTotal):
            update(budget, line, owner, budgeted_amount="100.01")
        with pytest.raises(LinesExceedTotal):
            update_event_budget(budget_id=budget.pk, version=2, acting_user=owner, total_budget_amount=Decimal("99.99"))
        assert BudgetLineItem.objects.get().budgeted_amount == 100
        assert (stored(budget).lines_total_amount, stored(budget).version) == (100, 2)

    def test_a_budget_without_a_total_follows_its_lines(self, account, owner):
        budget = make_budget(account, owner, total=None)
        line = make_line(budget, owner, budgeted_amount="100")
        make_line(budget, owner, budgeted_amount="50.50")
        assert stored(budget).total_budget_amount == Decimal("150.50")
        update(budget, line, owner, budgeted_amount="20")
        assert stored(budget).total_budget_amount == Decimal("70.50")
        fixed = update_event_budget(
            budget_id=budget.pk,
            version=stored(budget).version,
            acting_user=owner,
            total_budget_amount=Decimal(200),
        )
        assert (fixed.total_budget_amount, fixed.total_follows_lines) == (200, False)
        follows = update_event_budget(
            budget_id=budget.pk, version=fixed.version, acting_user=owner, total_budget_amount=Decimal(0)
        )
        assert (follows.total_budget_amount, follows.total_follows_lines) == (Decimal("70.50"), True)

    def test_an_unknown_category_lists_the_known(self, budget, owner):
        with pytest.raises(UnknownCategory) as refused:
            make_line(budget, owner, category="Fireworks")
        assert len(refused.value.known) == 21
        assert "Food & Beverage" in refused.value.known
        assert "Hair/Makeup" in refused.value.known

    def test_categories_are_found_whatever_the_case(self, budget, owner):
        assert make_line(budget, owner, category="  food & BEVERAGE ").category.name == "Food & Beverage"

    @pytest.mark.parametrize("amount", ["-0.01", "1.234", "NaN", "1e3", "9999999999999"])
    def test_amounts_outside_the_rules_are_refused(self, budget, owner, amount):
        with pytest.raises(InvalidAmount):
            make_line(budget, owner, budgeted_amount=amount)
        assert not BudgetLineItem.objects.exists()

    def test_several_lines_are_added_all_or_none(self, budget, owner):
        good = {"category": "Venue", "name": "Hall", "budgeted_amount": "10"}
        with pytest.raises(UnknownCategory):
            add_line_items(budget_id=budget.pk, acting_user=owner, line_items=[good, {**good, "category": "Nowhere"}])
        assert not BudgetLineItem.objects.exists()
        added = add_line_items(budget_id=budget.pk, acting_user=owner, line_items=[good, good])
        assert [line.sort_order for line in added] == [10, 20]
        assert stored(budget).version == 2

    def test_one_live_budget_per_event(self, owner, budget):
        with pytest.raises(BudgetExists) as refused:
            create_event_budget(event=budget.event, acting_user=owner)
        assert refused.value.budget_id == budget.pk

    def test_the_plan_is_fixed_once_submitted_and_actuals_are_not(self, account, owner, budget):
        line = make_line(budget, owner)
        move(budget, "submit", user=owner, role="owner", account=account)
        for change in (
            lambda: update(budget, line, owner, budgeted_amount="5"),
            lambda: make_line(budget, owner),
            lambda: delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=owner, now=NOW),
            lambda: reorder_line_items(budget_id=budget.pk, line_item_ids=[line.pk], acting_user=owner),
            lambda: update_event_budget(
                budget_id=budget.pk,
                version=stored(budget).version,
                acting_user=owner,
                total_budget_amount=Decimal(1),
            ),
        ):
            with pytest.raises(PlanFixed):
                change()
        update(budget, line, owner, actual_amount="77")
        assert stored(budget).total_actual_amount == 77

    def test_a_finalized_budget_is_locked(self, account, owner, manager, budget):
        line = make_line(budget, owner)
        for action, user, role, options in (
            ("submit", owner, "owner", {}),
            ("approve", manager, "manager", {}),
            ("activate", owner, "owner", {}),
            ("finalize", owner, "owner", {"override": True, "reason": "called off"}),
        ):
            move(budget, action, user=user, role=role, account=account, **options)
        with pytest.raises(BudgetLocked):
            update(budget, line, owner, actual_amount="1")
        with pytest.raises(BudgetLocked):
            update_event_budget(budget_id=budget.pk, version=stored(budget).version, acting_user=owner, notes="late")


class TestDeleting:
    def test_deleting_takes_the_actual_out_and_restoring_puts_it_back(self, owner, budget):
        line = make_line(budget, owner, budgeted_amount="100", actual_amount="40")
        delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=owner, now=NOW)
        assert (stored(budget).total_actual_amount, stored(budget).lines_total_amount) == (0, 0)
        assert verify_ledger() == []
        with deleted_rows_visible():
            deleted = BudgetLineItem.objects.get(pk=line.pk)
        restore_line_item(line=deleted, acting_user=owner)
        assert (stored(budget).total_actual_amount, stored(budget).lines_total_amount) == (40, 100)
        assert stored(line).actual_amount == 40
        assert verify_ledger() == []
        assert list(LedgerEntry.objects.order_by("seq").values_list("actual_delta", flat=True)) == [40, -40, 40]

    def test_a_line_with_open_promises_stays(self, owner, budget):
        line = make_line(budget, owner)
        ledger.post(
            budget_id=budget.pk,
            line_item_id=line.pk,
            kind=EntryKind.COMMIT,
            committed_delta=Decimal(5),
            currency="CAD",
            source="manual",
        )
        with pytest.raises(LineHasCommitments):
            delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=owner, now=NOW)
        assert stored(line).committed_amount == 5

    def test_a_deleted_line_is_not_there_any_more(self, owner, budget):
        line = make_line(budget, owner)
        delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=owner, now=NOW)
        with pytest.raises(LineNotFound):
            delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=owner, now=NOW)

    def test_restoring_what_no_longer_fits_is_refused(self, account, owner):
        budget = make_budget(account, owner, total="100")
        line = make_line(budget, owner, budgeted_amount="80")
        delete_line_item(budget_id=budget.pk, line_item_id=line.pk, acting_user=owner, now=NOW)
        make_line(budget, owner, budgeted_amount="50")
        with deleted_rows_visible():
            deleted = BudgetLineItem.objects.get(pk=line.pk)
        with pytest.raises(LinesExceedTotal):
            restore_line_item(line=deleted, acting_user=owner)
        assert stored(budget).lines_total_amount == 50


class TestOrder:
    def test_reordering_is_one_change(self, owner, budget):
        a, _b, c = (make_line(budget, owner, name=name) for name in "abc")
        version = stored(budget).version
        reorder_line_items(budget_id=budget.pk, line_item_ids=[c.pk, a.pk], acting_user=owner)
        names = BudgetLineItem.objects.order_by("sort_order", "id").values_list("name", flat=True)
        assert list(names) == ["c", "a", "b"]
        assert stored(budget).version == version + 1

    def test_an_order_that_is_there_already_changes_nothing(self, owner, budget):
        a, b = (make_line(budget, owner, name=name) for name in "ab")
        version = stored(budget).version
        reorder_line_items(budget_id=budget.pk, line_item_ids=[a.pk, b.pk], acting_user=owner)
        assert stored(budget).version == version

    def test_a_strangers_line_is_refused(self, account, owner, budget):
        make_line(budget, owner)
        stranger = make_line(make_budget(account, owner), owner)
        with pytest.raises(LineNotFound):
            reorder_line_items(budget_id=budget.pk, line_item_ids=[stranger.pk], acting_user=owner)


def test_history_says_who_changed_what(account, owner, manager, budget):
    line = make_line(budget, owner, name="Hall")
    with scope(Scope(tenant_id=account.pk, user_id=manager.pk)):
        update(budget, line, manager, name="Great hall")
    newest, oldest = line.history.order_by("-history_id")
    assert (newest.name, newest.history_user) == ("Great hall", manager)
    assert oldest.name == "Hall"


def test_a_plan_of_many_lines_takes_a_constant_number_of_statements(account, owner, django_assert_num_queries, budget):
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    def lines(count):
        return [{"category": "Venue", "name": str(n), "budgeted_amount": "1"} for n in range(count)]

    with CaptureQueriesContext(connection) as few:
        add_line_items(budget_id=budget.pk, acting_user=owner, line_items=lines(2))
    with django_assert_num_queries(len(few)):
        add_line_items(budget_id=budget.pk, acting_user=owner, line_items=lines(200))
    assert stored(budget).lines_total_amount == 202
    assert EventBudget.objects.count() == 1
