"""The demo is loaded once, whole or not at all, and beside what is there already."""

import signal
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from alerts.models import BudgetAlert
from budgets.demo import mesa_y_luna, our_networks
from budgets.demo.people import PASSWORD
from budgets.models import (
    BudgetDecision,
    BudgetLineItem,
    BudgetWindow,
    EventBudget,
    LedgerEntry,
    Reservation,
    ScopedBudget,
)
from budgets.tests.demo_houses import scope_of
from budgetsite.accounts.models import Membership
from budgetsite.accounts.selectors import all_accounts
from budgetsite.accounts.services import create_account
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.other_process import environment
from events.models import Event


def test_a_second_load_changes_nothing_and_prints_the_same(committed_db):
    first, second = StringIO(), StringIO()
    call_command("load_demo", stdout=first)
    before = _everything()
    call_command("load_demo", stdout=second)
    assert second.getvalue() == first.getvalue()
    assert _everything() == before
    assert [account.slug for account in all_accounts()] == ["mesa-y-luna", "our-networks"]
    assert f"Everybody's password is {PASSWORD}" in first.getvalue()
    for line in ("Owner      ana.owner@our-networks.example", "Attendee   thora.attendee@mesa-y-luna.example"):
        assert f"    {line}" in first.getvalue()


def _everything():
    rows = {}
    for house in (our_networks.HOUSE, mesa_y_luna.HOUSE):
        with scope_of(house), transaction.atomic():
            rows[house.slug] = [
                list(model.objects.order_by("pk").values())
                for model in (
                    Event,
                    EventBudget,
                    BudgetLineItem,
                    LedgerEntry,
                    BudgetDecision,
                    BudgetAlert,
                    Membership,
                    ScopedBudget,
                    BudgetWindow,
                    Reservation,
                )
            ]
    return rows


def test_a_load_that_is_killed_is_made_up_for_by_the_next(committed_db):
    program = """
import os, signal
import django
django.setup()
from budgets.models import LedgerEntry
from budgets.signals import budget_recalculated
from django.core.management import call_command

def die_in_the_second_account(sender, figures, **kwargs):
    if figures.currency == "EUR" and LedgerEntry.objects.count() == 3:
        os.kill(os.getpid(), signal.SIGKILL)

budget_recalculated.connect(die_in_the_second_account)
call_command("load_demo")
"""
    died = subprocess.run(
        [sys.executable, "-c", program], env=environment(), capture_output=True, text=True, timeout=120
    )
    assert died.returncode == -signal.SIGKILL, died.stderr
    assert [account.slug for account in all_accounts()] == ["our-networks"]
    call_command("load_demo", stdout=StringIO())
    assert [account.slug for account in all_accounts()] == ["mesa-y-luna", "our-networks"]
    call_command("verify_ledger", stdout=StringIO())
    with scope_of(mesa_y_luna.HOUSE), transaction.atomic():
        assert EventBudget.objects.count() == 10


def test_an_account_of_somebody_elses_is_left_alone(committed_db):
    with transaction.atomic():
        account = create_account(name="Ours", slug="our-networks", currency="USD", timezone="UTC")
    with pytest.raises(CommandError, match="There is an account 'our-networks' that is not the demo's"):
        call_command("load_demo")
    with tenant_scope(account.pk), transaction.atomic():
        assert not Event.objects.exists()
        assert not Membership.objects.exists()
