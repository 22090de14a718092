"""The database itself keeps tenants apart: raw SQL as the request's role, no manager in the way."""

import pytest
from django.db import DatabaseError, connection, connections, transaction

from budgets.models import BudgetDecision, BudgetLineItem, BudgetRevision, EventBudget, LedgerEntry, PlanLine
from budgetsite.ably.models import AblyMessage
from budgetsite.outbox.models import OutboxEvent
from budgetsite.privacy.models import ConsentRecord, PersonalDataAccess
from budgetsite.tenancy.isolation import isolation_problems, tenant_models
from budgetsite.tenancy.scope import NoTenant, Scope, deleted_rows_visible, scope, tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import make_account, make_member
from budgetsite.webhooks.models import WebhookAttempt
from events.models import Event, Venue
from registrations.models import CheckIn

# What is written once and never changed; so is every history.
APPEND_ONLY = {
    AblyMessage,
    BudgetDecision,
    BudgetRevision,
    CheckIn,
    ConsentRecord,
    LedgerEntry,
    OutboxEvent,
    PersonalDataAccess,
    PlanLine,
    WebhookAttempt,
}


def rows(query, parameters=()):
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.fetchall()


def run(query, parameters=()):
    with connection.cursor() as cursor:
        cursor.execute(query, parameters)
        return cursor.rowcount


@pytest.fixture
def rival_budget(other_account):
    with tenant_scope(other_account.pk):
        user = make_member(other_account, "owner").user
        budget = make_budget(other_account, user, total="777")
        make_line(budget, user, budgeted_amount="700", actual_amount="70")
    return budget


def test_the_tests_run_as_a_role_that_cannot_bypass_the_policies(db):
    assert isolation_problems(connection) == []
    role, is_super, bypasses = rows(
        "SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user"
    )[0]
    assert (is_super, bypasses) == (False, False)
    assert role == connection.settings_dict["USER"]


def test_another_tenants_rows_are_invisible_in_every_table(account, rival_budget):
    for model in tenant_models():
        found = rows(f'SELECT count(*) FROM "{model._meta.db_table}" WHERE tenant_id <> %s', [account.pk])
        assert found == [(0,)], model._meta.db_table


def test_another_tenants_rows_cannot_be_changed(account, rival_budget):
    for model in tenant_models():
        table = model._meta.db_table
        [(may_update,)] = rows("SELECT has_table_privilege(%s, 'UPDATE')", [table])
        if may_update:
            changed = run(f'UPDATE "{table}" SET tenant_id = tenant_id WHERE tenant_id <> %s', [account.pk])
            assert changed == 0, table
        else:
            # Append-only: not even one's own.
            assert model in APPEND_ONLY or hasattr(model, "history_date"), table


def test_a_row_for_another_tenant_cannot_be_inserted(account, other_account):
    with pytest.raises(DatabaseError, match="row-level security"), transaction.atomic():
        run(
            "INSERT INTO events_venue (id, tenant_id, name, address, city, country, timezone, notes)"
            " VALUES (gen_random_uuid(), %s, 'Smuggled', '', '', '', '', '')",
            [other_account.pk],
        )


def test_a_row_cannot_move_to_another_tenant(account, other_account):
    venue = Venue.objects.create(name="Hall")
    with pytest.raises(DatabaseError, match="never moves to another tenant"), transaction.atomic():
        run("UPDATE events_venue SET tenant_id = %s WHERE id = %s", [other_account.pk, venue.pk])


def test_a_row_cannot_point_into_another_tenant(account, rival_budget):
    @transaction.atomic
    def point_at_the_rivals_event():
        EventBudget.objects.create(event_id=rival_budget.event_id, currency="CAD")
        run("SET CONSTRAINTS ALL IMMEDIATE")

    with pytest.raises(DatabaseError, match="budgets_eventbudget_event_id_same_tenant"):
        point_at_the_rivals_event()


def test_nothing_is_deleted_for_good(account, owner):
    budget = make_budget(account, owner)
    assert run("DELETE FROM budgets_eventbudget WHERE id = %s", [budget.pk]) == 0
    assert EventBudget.objects.filter(pk=budget.pk).exists()


def test_without_a_tenant_there_are_no_rows_and_no_error(account, owner):
    make_budget(account, owner)
    with scope(Scope()):
        assert rows("SELECT count(*) FROM budgets_eventbudget") == [(0,)]


def test_a_manager_raises_without_a_tenant(db):
    with pytest.raises(NoTenant):
        EventBudget.objects.all()
    with pytest.raises(NoTenant):
        Event(name="whose?")


def test_the_scope_is_told_again_after_a_savepoint_took_it_back(account, owner, other_account):
    budget = make_budget(account, owner)

    class Undone(Exception):
        pass

    def look_as_the_rival_and_fail():
        with transaction.atomic():
            with tenant_scope(other_account.pk):
                assert EventBudget.objects.count() == 0
            raise Undone

    # The rival's scope is first told inside the savepoint; rolling back to it must not leave our own untold.
    with pytest.raises(Undone):
        look_as_the_rival_and_fail()
    assert EventBudget.objects.get() == budget


def test_the_scope_is_told_again_inside_a_released_savepoint(account, owner, other_account):
    make_budget(account, owner)
    with tenant_scope(other_account.pk), transaction.atomic():
        assert rows("SELECT count(*) FROM budgets_eventbudget") == [(0,)]
    assert rows("SELECT count(*) FROM budgets_eventbudget") == [(1,)]


def test_the_scope_ends_with_its_transaction(committed_db):
    with transaction.atomic():
        ours = make_account()
        with tenant_scope(ours.pk):
            make_event(ours, make_member(ours, "owner").user)
            assert rows("SELECT count(*) FROM events_event") == [(1,)]
    with tenant_scope(ours.pk):
        # Outside a transaction nothing is told, so nothing is seen: forgetting the transaction fails closed.
        assert rows("SELECT count(*) FROM events_event") == [(0,)]
    with transaction.atomic():
        assert rows("SELECT current_setting('app.tenant_id', true)") == [("",)]


def test_deleted_rows_are_seen_only_where_the_scope_shows_them(account, owner):
    budget = make_budget(account, owner)
    line = make_line(budget, owner)
    run("SELECT set_config('app.show_deleted', 'on', true)")
    run("UPDATE budgets_budgetlineitem SET deleted_at = now() WHERE id = %s", [line.pk])
    run("SELECT set_config('app.show_deleted', '', true)")
    assert rows("SELECT count(*) FROM budgets_budgetlineitem") == [(0,)]
    assert not BudgetLineItem.objects.exists()
    with deleted_rows_visible():
        assert BudgetLineItem.objects.get() == line


def test_updated_at_is_kept_by_the_database(committed_db):
    with transaction.atomic():
        account = make_account()
        with tenant_scope(account.pk):
            venue = Venue.objects.create(name="Hall")
            before = Venue.objects.values_list("updated_at", flat=True).get()
    with transaction.atomic(), tenant_scope(account.pk):
        run("UPDATE events_venue SET name = 'Great hall', updated_at = '2001-01-01' WHERE id = %s", [venue.pk])
        assert Venue.objects.values_list("updated_at", flat=True).get() > before


def test_the_check_finds_a_table_without_policies(committed_db):
    owner = connections["owner"]
    # As the owner, in a transaction that is rolled back: the harm is never committed.
    with transaction.atomic(using="owner"), owner.cursor() as cursor:
        cursor.execute("ALTER TABLE events_venue NO FORCE ROW LEVEL SECURITY")
        problems = isolation_problems(owner)
        transaction.set_rollback(True, using="owner")
    assert any("events_venue has no forced row-level security" in problem for problem in problems)


def test_the_check_finds_a_role_that_owns_the_tables(committed_db):
    problems = isolation_problems(connections["owner"])
    assert any("owns tables" in problem or "bypasses row-level security" in problem for problem in problems)
    assert isolation_problems(connections["default"]) == []
