"""Plain SQL does the same work as the site, and a run of a few operations tells the truth."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from decimal import Decimal

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import timezone

from alerts.models import BudgetAlert
from budgets.models import BudgetLineItem, EventBudget, Expense, ExpenseInvoice, LedgerEntry
from budgets.selectors.plan_as_of import budget_as_of
from budgets.services.expense import record_expense
from budgets.services.ledger_proof import verify_ledger
from budgets.services.line_item import update_line_item
from budgets.services.recalculation import recalculate_budget
from budgets.services.vendor import create_vendor
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import all_accounts
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks import ledger_posting, revisions
from budgetsite.testing.benchmarks.crossings import CENTS, Crossings
from budgetsite.testing.benchmarks.plain_alerts import PlainAlerts
from budgetsite.testing.benchmarks.plain_expenses import PlainExpenses
from budgetsite.testing.benchmarks.plain_plans import PlainPlans
from budgetsite.testing.benchmarks.plain_sql import PlainSql
from budgetsite.testing.benchmarks.report import Limit, statements
from budgetsite.testing.benchmarks.scenery import (
    CURRENCY,
    TOTAL,
    add_budget,
    add_entries,
    add_many_budgets,
    line_ids,
    open_scene,
)
from budgetsite.testing.benchmarks.site import environment
from budgetsite.testing.benchmarks.statements import statements_of

AMOUNT = Decimal("12.34")


@pytest.fixture
def scene(committed_db):
    scene = open_scene("test")
    with tenant_scope(scene.tenant_id, user_id=scene.user.pk):
        yield scene


@pytest.fixture
def plain(scene):
    plain = PlainSql(scene.tenant_id, scene.user.pk)
    yield plain
    plain.close()


def stored(model, pk, *ignored):
    """Return a row's values without what can't be the same twice."""
    left_out = {"id", "created_at", "updated_at", "event_id", "budget_id", *ignored}
    with transaction.atomic():
        row = model.objects.filter(pk=pk).values().get()
    return {name: value for name, value in row.items() if name not in left_out}


@transaction.atomic
def history_of(line_id):
    history = BudgetLineItem.history.filter(id=line_id).order_by("history_id").values()
    unique = {"id", "history_id", "history_date", "budget_id"}
    return [{name: value for name, value in row.items() if name not in unique} for row in history]


@transaction.atomic
def entries_of(budget_id):
    entries = LedgerEntry.objects.filter(budget_id=budget_id).order_by("seq").values()
    unique = {"id", "budget_id", "line_item_id", "created_at", "occurred_at", "hash"}
    return [{name: value for name, value in entry.items() if name not in unique} for entry in entries]


def test_a_posting_by_hand_leaves_what_the_sites_own_leaves(scene, plain):
    ours, by_hand = add_budget(scene, lines=2).pk, add_budget(scene, lines=2).pk
    our_line, plain_line = line_ids(scene, ours)[0], line_ids(scene, by_hand)[0]

    ledger_posting.posting(scene, ours, our_line)()
    plain.post(by_hand, plain_line, ledger_posting.AMOUNT, CURRENCY)

    assert entries_of(by_hand) == entries_of(ours)
    assert stored(BudgetLineItem, plain_line) == stored(BudgetLineItem, our_line)
    assert stored(EventBudget, by_hand, "ledger_hash") == stored(EventBudget, ours, "ledger_hash")
    with transaction.atomic():
        assert verify_ledger() == []


def test_an_edit_by_hand_leaves_what_the_sites_own_leaves(scene, plain):
    ours, by_hand = add_budget(scene, lines=2).pk, add_budget(scene, lines=2).pk
    our_line, plain_line = line_ids(scene, ours)[0], line_ids(scene, by_hand)[0]

    update_line_item(budget_id=ours, line_item_id=our_line, version=1, acting_user=scene.user, budgeted_amount=AMOUNT)
    version = plain.edit_line(by_hand, plain_line, AMOUNT, 1)

    assert version == 2
    assert stored(BudgetLineItem, plain_line) == stored(BudgetLineItem, our_line)
    assert stored(EventBudget, by_hand) == stored(EventBudget, ours)
    assert history_of(plain_line) == history_of(our_line)
    assert len(history_of(plain_line)) == 2


def test_an_expense_by_hand_leaves_what_the_sites_own_leaves(scene):
    ours, by_hand = add_budget(scene, lines=2), add_budget(scene, lines=2)
    with transaction.atomic():
        create_vendor(acting_user=scene.user, name="Florist")
        our_id = record_expense(
            event=ours.event,
            acting_user=scene.user,
            acting_role=Role.MANAGER,
            account=scene.account,
            now=timezone.now(),
            description="Roses",
            amount=AMOUNT,
            category="Labor",
            vendor="Florist",
            stage="invoiced",
        ).pk
    plain = PlainExpenses(scene.tenant_id, scene.user.pk)
    plain_id = json.loads(plain.record(by_hand.event_id, category="Labor", vendor="Florist", amount=AMOUNT))["id"]
    plain.close()

    unlike = ("line_item_id", "expense_date", "ledger_hash", "expense_id", "invoice_date")
    assert stored(Expense, plain_id, *unlike) == stored(Expense, our_id, *unlike)
    assert stored(EventBudget, by_hand.pk, *unlike) == stored(EventBudget, ours.pk, *unlike)
    with transaction.atomic():
        bills = [ExpenseInvoice.objects.get(expense_id=pk).pk for pk in (plain_id, our_id)]
        versions = [Expense.history.filter(id=pk).count() for pk in (plain_id, our_id)]
        entries = [LedgerEntry.objects.get(source="expense", source_id=str(pk)).kind for pk in (plain_id, our_id)]
        assert verify_ledger() == []
    assert stored(ExpenseInvoice, bills[0], *unlike) == stored(ExpenseInvoice, bills[1], *unlike)
    assert (versions, entries) == ([1, 1], ["actual", "actual"])


def test_a_threshold_crossed_by_hand_leaves_what_the_sites_own_leaves(scene):
    crossings, plain = Crossings(scene, 2), PlainAlerts(scene.tenant_id, scene.user.pk)
    (ours, our_line), (by_hand, plain_line) = crossings.pairs

    def left(budget_id):
        with transaction.atomic():
            alerts = list(BudgetAlert.objects.filter(budget_id=budget_id).values())
            told = OutboxEvent.objects.filter(subject_id__in=[alert["id"] for alert in alerts]).order_by("position")
            events = [(event.kind, event.payload | {"budget_id": None}, event.actor_id) for event in told]
        unique = {"id", "budget_id", "message", "created_at", "updated_at", "waits_since", "resolved_at"}
        return [{name: alert[name] for name in alert.keys() - unique} for alert in alerts], events

    crossings.cross(0)
    crossings.cross_by_hand(plain, 1)
    assert left(by_hand) == left(ours)
    assert [alert["utilization"] for alert in left(ours)[0]] == [60]
    assert plain.read_back(by_hand)["kind"] == "alert.opened"
    assert stored(BudgetLineItem, plain_line) == stored(BudgetLineItem, our_line)
    assert stored(EventBudget, by_hand, "ledger_hash") == stored(EventBudget, ours, "ledger_hash")

    crossings.come_back(0)
    crossings.come_back_by_hand(plain, 1)
    plain.close()
    assert left(by_hand) == left(ours)
    assert [kind for kind, *_ in left(ours)[1]] == ["alert.opened", "alert.resolved"]
    assert [entry | {"prev_hash": None} for entry in entries_of(by_hand)] == [
        entry | {"prev_hash": None} for entry in entries_of(ours)
    ]
    assert crossings.problems() == []


def test_a_posting_that_crosses_nothing_pays_one_statement_for_alerts(scene):
    crossings = Crossings(scene, 1)

    quiet = statements_of(lambda: crossings.post(0, CENTS))

    assert len([statement for statement in quiet if "alerts_" in statement]) == 1
    assert crossings.told("alert.opened") == 0


def test_a_stale_edit_by_hand_changes_nothing(scene, plain):
    budget_id = add_budget(scene, lines=1).pk
    line_id = line_ids(scene, budget_id)[0]
    plain.edit_line(budget_id, line_id, AMOUNT, 1)

    with pytest.raises(LookupError):
        plain.edit_line(budget_id, line_id, Decimal(1), 1)

    assert stored(BudgetLineItem, line_id)["budgeted_amount"] == AMOUNT


def test_a_recompute_by_hand_leaves_what_the_sites_own_leaves(scene, plain):
    ours, by_hand = add_budget(scene, lines=3).pk, add_budget(scene, lines=3).pk

    with transaction.atomic():
        recalculate_budget(ours)
    plain.recompute(by_hand)

    assert stored(EventBudget, by_hand) == stored(EventBudget, ours)
    assert stored(EventBudget, by_hand)["version"] == 2


def test_what_is_read_by_hand_is_the_accounts_own(scene, plain):
    budget_id = add_budget(scene, lines=3).pk
    add_many_budgets(scene, 4)
    other = open_scene("other")
    foreign_id = add_budget(other, lines=1).pk

    page, listed = json.loads(plain.read_budget(budget_id)), json.loads(plain.list_budgets(2))

    assert [line["name"] for line in page["line_items"]] == ["Line 1", "Line 2", "Line 3"]
    assert Decimal(page["available_amount"]) == TOTAL
    assert page["alerts_open"] == 0
    assert listed["count"] == 5
    assert len(listed["results"]) == 2
    with pytest.raises(LookupError):
        plain.read_budget(foreign_id)


def test_plans_compared_by_hand_differ_in_the_same_lines(scene):
    budget_id = add_budget(scene, lines=40).pk
    revisions.revise_and_change(scene, budget_id)
    plain = PlainPlans(scene.tenant_id, scene.user.pk)
    by_hand = json.loads(plain.compare_plans(budget_id, 1))
    plain.close()

    ours = json.loads(revisions.comparing(scene, budget_id)())

    def told(lines):
        return sorted((line["name"], line["change"], Decimal(line["difference_amount"])) for line in lines)

    assert told(by_hand["lines"]) == told(ours["lines"])
    counts = Counter(line["change"] for line in ours["lines"])
    assert counts == {"changed": 8, "removed": 2, "added": 2}


def test_a_budget_of_old_read_by_hand_has_the_same_figures(scene):
    budget_id = add_budget(scene, lines=3).pk
    lines = line_ids(scene, budget_id)
    add_entries(scene, budget_id, lines, 7)
    moment = timezone.now()
    add_entries(scene, budget_id, lines, 5)
    plain = PlainPlans(scene.tenant_id, scene.user.pk)
    by_hand = json.loads(plain.read_as_of(budget_id, moment))
    plain.close()

    with transaction.atomic():
        ours = budget_as_of(EventBudget.objects.select_related("event").get(pk=budget_id), moment)
        assert verify_ledger() == []

    assert Decimal(by_hand["total_actual_amount"]) == ours.budget.total_actual_amount == Decimal("0.07")
    assert [Decimal(line["actual_amount"]) for line in by_hand["line_items"]] == [
        line.actual_amount for line in ours.lines
    ]


def test_budgets_made_in_bulk_are_as_sound_as_those_made_one_by_one(scene):
    add_many_budgets(scene, 3)

    with transaction.atomic():
        assert EventBudget.objects.count() == 3
        assert verify_ledger() == []


def test_a_lost_posting_is_noticed(scene):
    budget_id = add_budget(scene, lines=1).pk
    ledger_posting.posting(scene, budget_id, line_ids(scene, budget_id)[0])()

    complete, one_lost = (ledger_posting.proofs(scene, budget_id, posted)[0] for posted in (1, 2))

    assert complete.verdict == "kept"
    assert one_lost.verdict == "MISSED"


def test_a_database_with_other_accounts_is_refused(committed_db, account):
    with pytest.raises(CommandError, match=r"holds another account.*--force-database"):
        call_command("bench")

    assert all_accounts() == [account]


def test_a_missed_limit_ends_with_an_error(committed_db, monkeypatch, capsys):
    missed = {"page": lambda run: [statements("statements of reading", 9, Limit(at_most=8))]}
    monkeypatch.setattr("budgets.management.commands.bench.SUBJECTS", missed)

    with pytest.raises(CommandError, match=r"Missed: statements of reading\."):
        call_command("bench")

    assert "MISSED" in capsys.readouterr().out


@pytest.mark.slow
def test_a_short_run_measures_everything_and_loses_nothing(committed_db):
    arguments = ["bench", "--quick", "--seconds", "0.01", "--clients", "3"]
    run = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR,
        env={
            **environment(),
            "DJANGO_SETTINGS_MODULE": os.environ["DJANGO_SETTINGS_MODULE"],
            # Its workers are to find nothing that other tests have queued.
            "REDIS_URL": f"{settings.REDIS_URL.rpartition('/')[0]}/9",
        },
        capture_output=True,
        text=True,
        timeout=300,
    )

    verdicts = {
        re.sub(r"[0-9]+", "N", line[:60].split("  ")[0].strip()): line.split("  ")[-1].strip()
        for line in run.stdout.splitlines()
        if line.endswith(("kept", "MISSED", "no limit set"))
    }
    # How fast it is on a busy machine is not this test's affair; what is counted is.
    assert verdicts.keys() >= {
        "read a budget of N lines (API)",
        "edit one of N lines (API)",
        "post to the ledger, N client",
        "post to one budget, N clients at once",
        "move money between N of N lines (API)",
        "list N budgets (API)",
        "recompute a budget of N → N lines",
        "compare two plans of N lines",
        "a budget as of a moment, N entries (API)",
        "list of one budget (API), account of N → N budgets",
        "register (API), N registrations",
        "approve (API), N registrations",
        "variance, N → N registrations",
        "list of N, page N → N",
        "register, N clients at once",
        "check-in, N clients, of an empty request's rate",
        "N people for N places at once (API)",
        "list N expenses (API), N expenses",
        "record an expense, N → N expenses",
        "alert opened and resolved, N budget, N client",
        "two workers against one",
        "events relayed by one worker, to nobody",
        "two clients against one, plain SQL",
        "change → webhook received, N budgets at once, median",
        "change → page told, N budgets at once, median",
        "changes told by webhook, N budgets at once",
    }, run.stdout + run.stderr
    assert verdicts["statements of reading N lines"] == "kept"
    assert verdicts["statements of a list of N"] == "kept"
    assert verdicts["statements of a posting"] == "kept"
    assert verdicts["statements of a transfer, N → N lines"] == "kept"
    assert verdicts["statements of approving N and N lines"] == "kept"
    assert verdicts["statements of revising N and N lines"] == "kept"
    assert verdicts["postings found of N made"] == "kept"
    assert verdicts["statements of register"] == "kept"
    assert verdicts["statements of approve"] == "kept"
    assert verdicts["statements of list"] == "kept"
    assert verdicts["statements of recording an expense"] == "kept"
    assert verdicts["statements of a list of expenses"] == "kept"
    assert verdicts["ledger and expenses of “Bench expenses”"] == "kept"
    assert verdicts["counters and ledger of “Bench crowd”"] == "kept"
    assert verdicts["places taken of N in each of N rushes, API"] == "kept"
    assert verdicts["places taken of N in each of N rushes, plain SQL"] == "kept"
    assert verdicts["statements for alerts, posting that crosses nothing"] == "kept"
    assert verdicts["alerts told of N crossings"] == "kept"
    assert verdicts["events left in the outbox"] == "kept"
    assert verdicts["webhooks received of N alerts"] == "kept"
    assert run.returncode == int("MISSED" in verdicts.values()), run.stderr
