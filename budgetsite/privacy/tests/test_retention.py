"""Retention rules: what goes, exactly that, once, and on no account's word but its own."""

from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.db import connections, transaction
from django.utils import timezone

from budgetsite.accounts.roles import Role
from budgetsite.operations.piecework import SomeFailed
from budgetsite.privacy.models import AccessAction, PersonalDataAccess, RetentionRule
from budgetsite.privacy.services import retention
from budgetsite.privacy.services.access_log import record_access
from budgetsite.privacy.services.retention import (
    RetentionRuleExists,
    apply_retention,
    change_retention_rule,
    create_retention_rule,
    delete_retention_rule,
    months_before,
    outdated_data,
)
from budgetsite.privacy.tasks import apply_retention_everywhere
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_account, make_member
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from registrations.models import EventRegistration
from registrations.services.registration import reject
from registrations.services.registration_proof import verify_registrations

# The event of `make_open_event` is on 15 July 2026.
DAY = datetime(2026, 7, 15, 14, 0, tzinfo=UTC)


@pytest.fixture
def accounts(committed_db):
    """Two accounts with an event, a registration with a note and one that was rejected with a reason."""
    made = []
    for name in ("Sunrise Catering", "Rival Events"):
        with transaction.atomic():
            account = make_account(name)
            with tenant_scope(account.pk):
                owner, guest = (make_member(account, role).user for role in (Role.OWNER, Role.ATTENDEE))
                event = make_open_event(account, owner)
                option = make_option(event, owner)
                ask(event, owner, option, notes="Vegetarian")
                unlucky = ask(event, guest, option, notes="In a wheelchair")
                reject(registration_id=unlucky.pk, event=event, acting_user=owner, now=NOW, reason="Too late, Ana")
        made.append(account)
    return made


def rule(account, kind, months, **fields):
    with tenant_scope(account.pk), transaction.atomic():
        return create_retention_rule(kind=kind, months=months, acting_user=None, **fields)


def texts(account):
    with tenant_scope(account.pk), transaction.atomic():
        return list(EventRegistration.objects.order_by("created_at").values_list("notes", "reason"))


ALL = [("Vegetarian", ""), ("In a wheelchair", "Too late, Ana")]


def test_texts_go_so_many_months_after_the_event_and_only_of_who_asked_for_it(accounts):
    sunrise, rival = accounts
    rule(sunrise, "registrations", 3)
    rule(rival, "registrations", 3, is_active=False)

    for now, left in (
        (datetime(2026, 10, 15, 14, 0, tzinfo=UTC), ALL),
        (datetime(2026, 10, 15, 14, 1, tzinfo=UTC), [("", ""), ("", "")]),
    ):
        with tenant_scope(sunrise.pk):
            [(_, outdated)] = outdated_data(now=now)
            assert sum(1 for text in left if text == ("", "")) == len(outdated)
            [applied] = apply_retention(now=now)
        assert (applied.forgotten, texts(sunrise)) == (len(outdated), left)
    for account in accounts:
        with tenant_scope(account.pk):
            assert [each.forgotten for each in apply_retention(now=now)] in ([0], [])
    assert texts(rival) == ALL
    with tenant_scope(sunrise.pk), transaction.atomic():
        assert verify_registrations() == []


def test_a_dry_run_lists_what_would_go_and_changes_nothing(accounts):
    sunrise = accounts[0]
    rule(sunrise, "declined_registrations", 1)
    with tenant_scope(sunrise.pk), transaction.atomic():
        declined = EventRegistration.objects.get(status="REJECTED")
    printed = StringIO()

    call_command("apply_retention", "--account", sunrise.slug, "--dry-run", stdout=printed)

    kind = "What people wrote with registrations that came to nothing"
    assert printed.getvalue().splitlines() == [
        f"{sunrise.slug}: {kind}: 1 would go",
        f"  registrations_eventregistration {declined.pk}: notes and reason, of 2026-06-20",
    ]
    assert texts(sunrise) == ALL

    printed = StringIO()
    call_command("apply_retention", stdout=printed)
    assert printed.getvalue() == f"{sunrise.slug}: {kind}: 1 let go\n"
    assert texts(sunrise) == [ALL[0], ("", "")]


def test_the_log_of_accesses_is_let_go_though_requests_may_not_delete_it(accounts, eager_tasks):
    sunrise, rival = accounts
    rule(sunrise, "access_log", 12)
    for account in accounts:
        with tenant_scope(account.pk), transaction.atomic():
            for _ in range(2):
                record_access(action=AccessAction.VIEWED, kind="members", place="here", list_id=account.pk, people=3)
            old = PersonalDataAccess.objects.first().pk
        with connections["service"].cursor() as cursor:
            year_and_day = timezone.now() - timedelta(days=367)
            cursor.execute("UPDATE privacy_personaldataaccess SET created_at = %s WHERE id = %s", [year_and_day, old])

    apply_retention_everywhere()
    apply_retention_everywhere()

    for account, left in ((sunrise, 1), (rival, 2)):
        with tenant_scope(account.pk), transaction.atomic():
            assert PersonalDataAccess.objects.count() == left


def test_on_two_machines_at_once_one_does_it_and_the_other_says_so(accounts):
    sunrise = accounts[0]
    rule(sunrise, "registrations", 3)
    later = DAY + timedelta(days=200)
    with connections["owner"].cursor() as cursor:
        key = f"{sunrise.pk} registrations"
        cursor.execute("SELECT pg_advisory_lock(hashtext('privacy.retention'), hashtext(%s))", [key])
        with tenant_scope(sunrise.pk):
            assert [each.busy for each in apply_retention(now=later)] == [True]
        assert texts(sunrise) == ALL
        cursor.execute("SELECT pg_advisory_unlock_all()")
    with tenant_scope(sunrise.pk):
        assert [(each.busy, each.forgotten) for each in apply_retention(now=later)] == [(False, 2)]


def test_a_rule_that_cannot_be_applied_keeps_no_other_from_it(accounts, monkeypatch):
    sunrise = accounts[0]
    rule(sunrise, "access_log", 1)
    rule(sunrise, "registrations", 3)
    apply_one = retention._apply

    def fails_for_one(kind, before):
        if kind.name == "access_log":
            raise RuntimeError("out of paper")
        return apply_one(kind, before)

    monkeypatch.setattr(retention, "_apply", fails_for_one)
    with tenant_scope(sunrise.pk), pytest.raises(SomeFailed):
        apply_retention(now=DAY + timedelta(days=200))
    assert texts(sunrise) == [("", ""), ("", "")]


def test_a_rule_is_one_for_each_kind_and_known(account):
    made = create_retention_rule(kind="access_log", months=12, acting_user=None)

    with pytest.raises(RetentionRuleExists, match="Change that one"):
        create_retention_rule(kind="access_log", months=6, acting_user=None)
    for fields, problem in (
        ({"kind": "secrets", "months": 6}, "kind"),
        ({"kind": "registrations", "months": 0}, "months"),
        ({"kind": "registrations", "months": 601}, "months"),
    ):
        with pytest.raises(ValidationError) as raised:
            create_retention_rule(acting_user=None, **fields)
        assert raised.value.message_dict.keys() == {problem}
    change_retention_rule(rule_id=made.pk, acting_user=None, months=24)
    assert list(RetentionRule.objects.values_list("kind", "months")) == [("access_log", 24)]
    assert list(RetentionRule.history.order_by("history_id").values_list("months", flat=True)) == [12, 24]
    delete_retention_rule(rule_id=made.pk, acting_user=None, now=timezone.now())
    assert not RetentionRule.objects.exists()


@pytest.mark.parametrize(
    ("moment", "months", "earlier"),
    [
        ("2026-05-31", 3, "2026-02-28"),
        ("2024-05-31", 3, "2024-02-29"),
        ("2026-01-15", 1, "2025-12-15"),
        ("2026-12-31", 12, "2025-12-31"),
        ("2026-01-31", 600, "1976-01-31"),
    ],
)
def test_months_are_those_of_the_calendar(moment, months, earlier):
    assert months_before(datetime.fromisoformat(moment), months) == datetime.fromisoformat(earlier)
