"""The example client in Python, against the site as a process of its own, over a line that loses answers."""

import importlib.util
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace

import pytest
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from budgets.models import LedgerEntry, Reservation, ReservationStatus
from budgetsite.accounts.api_keys import create_api_key
from budgetsite.accounts.permissions import MACHINE_ACTIONS
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.faulty_line import CUT_ANSWER, LOSE_ANSWER, REFUSE_CONNECTION, FaultyLine
from budgetsite.testing.people import make_account, make_member
from budgetsite.testing.scoped_budgets import make_scoped_budget

PATH = Path(settings.BASE_DIR) / ".readme" / "clients" / "python" / "budgetsite_client.py"
TOO_MANY = b"HTTP/1.1 429 Too Many\r\nRetry-After: 7\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
PROXYS_PAGE = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<h1>502</h1>\n"
PROXYS_YES = b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\nConnection: close\r\n\r\n<h1>Hi!</h1>\n"


def load_client():
    spec = importlib.util.spec_from_file_location("budgetsite_client", PATH)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


module = load_client()


@pytest.fixture
def line(site):
    with FaultyLine(site) as line:
        yield line


@pytest.fixture
def machine(line):
    """An account with 100.00 for the organization and 40.00 for a team, and a machine that reaches the team."""
    account = make_account()
    with transaction.atomic(), tenant_scope(account.pk):
        owner = make_member(account, Role.OWNER).user
        budget = {"period": "annual", "start_date": timezone.now().date()}
        top = make_scoped_budget(account, owner, name="Season", amount=Decimal(100), **budget)
        team = make_scoped_budget(
            account, owner, name="Kitchen", scope_type="team", scope_id="kitchen", amount=Decimal(40),
            parent_id=top.pk, **budget,
        )  # fmt: skip
        made = create_api_key(
            name="Relay", actions=MACHINE_ACTIONS, budget_ids=[team.pk], acting_user=owner, now=timezone.now()
        )
    pauses: list[float] = []
    client = module.Budgetsite(line.address, key=made.text, sleep=pauses.append)
    return SimpleNamespace(
        client=client, pauses=pauses, text=made.text, account=account, owner=owner, top=top, team=team
    )


def entries(machine):
    with transaction.atomic(), tenant_scope(machine.account.pk):
        return list(LedgerEntry.objects.order_by("seq").values_list("actual_delta", "source"))


def reservations(machine):
    with transaction.atomic(), tenant_scope(machine.account.pk):
        return list(Reservation.objects.order_by("created_at").values_list("status", "settled_amount"))


def left(machine):
    return Decimal(machine.client.status(machine.team.pk)["remaining"])


def test_it_checks_reserves_does_the_work_and_settles(machine):
    client, team = machine.client, machine.team.pk
    assert client.who_am_i()["api_key"]["name"] == "Relay"
    assert client.check(team, Decimal("40")).can_proceed
    refused = client.check(team, Decimal("40.01"))
    assert (refused.can_proceed, [refusal.name for refusal in refused.refusals]) == (False, ["Kitchen"])
    assert not client.check_scopes({"team": "kitchen"}, Decimal("100.01")).can_proceed

    with client.holding(team, Decimal("30")) as hold:
        assert left(machine) == 10
        hold.settle(Decimal("12.5"))
    assert left(machine) == Decimal("27.5")

    with pytest.raises(ZeroDivisionError), client.holding(team, Decimal("20")):
        1 / 0  # noqa: B018  (the work fails)
    with client.holding(team, Decimal("20")):
        pass
    assert left(machine) == Decimal("27.5")

    with pytest.raises(module.Refused) as error, client.holding(team, Decimal("27.51")):
        pytest.fail("The work was begun.")
    [refusal] = error.value.refusals
    assert (refusal.budget_id, refusal.name, refusal.remaining) == (str(team), "Kitchen", Decimal("27.5"))
    assert reservations(machine) == [
        (ReservationStatus.SETTLED, Decimal("12.5")),
        (ReservationStatus.RELEASED, 0),
        (ReservationStatus.RELEASED, 0),
    ]
    assert entries(machine) == [(Decimal("12.5"), "api")]
    assert machine.pauses == []


def test_usage_is_recorded_once_whatever_gets_lost(machine, line):
    line.plan(LOSE_ANSWER, REFUSE_CONNECTION, PROXYS_PAGE, CUT_ANSWER, PROXYS_YES)
    recorded = machine.client.record_usage(machine.team.pk, Decimal("1.25"), "USD", metadata={"job": "7"})
    assert Decimal(recorded["amount"]) == Decimal("1.25")
    assert len(line.requests) == 6
    assert len({key for key in line.header("Idempotency-Key") if key}) == 1
    assert entries(machine) == [(Decimal("1.25"), "api")]
    longest = [0.5, 1, 2, 4, 8]
    assert all(0 <= pause <= most for pause, most in zip(machine.pauses, longest, strict=True))
    assert len(set(machine.pauses)) == 5


def test_a_hold_is_made_and_settled_once_whatever_gets_lost(machine, line):
    line.plan(LOSE_ANSWER)
    with machine.client.holding(machine.team.pk, Decimal("30")) as hold:
        line.plan(LOSE_ANSWER, LOSE_ANSWER)
        hold.settle(Decimal("31"))
    assert reservations(machine) == [(ReservationStatus.SETTLED, Decimal(31))]
    assert entries(machine) == [(Decimal(31), "api")]


def test_without_any_answer_the_same_call_id_goes_on_where_it_stopped(machine, line):
    line.plan(*[LOSE_ANSWER] * 6)
    with (
        pytest.raises(module.Unavailable) as error,
        machine.client.holding(machine.team.pk, Decimal("30"), call_id="job 7: hold") as hold,
    ):
        pytest.fail(f"The work was begun with {hold}.")
    assert error.value.call_id == "job 7: hold"
    with machine.client.holding(machine.team.pk, Decimal("30"), call_id="job 7: hold") as hold:
        line.plan(*[LOSE_ANSWER] * 6)
        with pytest.raises(module.Unavailable) as error:
            hold.settle(Decimal("5"))
        # Perhaps it was recorded, so nothing releases it.
    assert reservations(machine) == [(ReservationStatus.SETTLED, Decimal(5))]
    machine.client.settle(machine.team.pk, hold.reservation_id, Decimal("5"), call_id=error.value.call_id)
    assert entries(machine) == [(Decimal(5), "api")]


def test_it_waits_as_long_as_the_server_asks_and_no_longer_than_it_has_patience(machine, line):
    line.plan(TOO_MANY, TOO_MANY)
    machine.client.record_usage(machine.team.pk, Decimal(1), "USD")
    assert [pause >= 7 for pause in machine.pauses] == [True, True]
    hurried = module.Budgetsite(line.address, key=machine.text, patience=5, sleep=machine.pauses.append)
    line.plan(TOO_MANY)
    with pytest.raises(module.Unavailable, match="HTTP 429"):
        hurried.record_usage(machine.team.pk, Decimal(1), "USD")
    assert (len(line.requests), len(machine.pauses)) == (1, 2)
    assert entries(machine) == [(Decimal(1), "api")]


def test_what_is_refused_is_not_tried_again(machine, line):
    stranger = make_account("Rival Events")
    with transaction.atomic(), tenant_scope(stranger.pk):
        rival = make_member(stranger, Role.OWNER).user
        looking = create_api_key(name="Looks", actions=["scoped_budgets.view"], acting_user=rival, now=timezone.now())
    client, team = machine.client, machine.team.pk
    cases = [
        (lambda: client.record_usage(team, Decimal(1), "EUR"), 400),
        (lambda: client.record_usage(machine.top.pk, Decimal(1), "USD"), 404),
        (lambda: module.Budgetsite(line.address, key=machine.text[:-1]).status(team), 401),
        (lambda: module.Budgetsite(line.address, key=looking.text).reserve(team, Decimal(1)), 403),
        (lambda: module.Budgetsite(line.address, key=looking.text).status(team), 404),
    ]
    for call, status in cases:
        line.plan()
        with pytest.raises(module.Rejected) as error:
            call()
        assert (error.value.status, len(line.requests)) == (status, 1)
        assert str(error.value)
    with pytest.raises(module.Refused):
        client.record_usage(team, Decimal("40.01"), "USD", enforce=True)
    assert entries(machine) == []


def test_the_key_and_amounts_are_handled_with_care():
    with pytest.raises(ValueError, match="https"):
        module.Budgetsite("http://budgets.example.org", key="bsk_secret")
    client = module.Budgetsite("https://budgets.example.org", key="bsk_secret")
    assert "secret" not in repr(client)
    for amount in (4.5, "4.50", Decimal("NaN"), Decimal("Infinity")):
        with pytest.raises(ValueError, match="Decimal"):
            client.record_usage("x", amount, "USD")
