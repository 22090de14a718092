"""What people agreed to be told by mail: the last word counts; without one the team is told, and nobody else."""

import pytest
from django.db import DatabaseError, transaction

from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.privacy.models import ConsentRecord, ConsentSource
from budgetsite.privacy.registry import notification_types
from budgetsite.privacy.services.consent import (
    UnknownNotificationType,
    choose_consents,
    consents_of,
    give_consent,
    said_of,
    withdraw_consent,
)
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member

PAGE = ConsentSource.PAGE


def agreed(person):
    return {name for name, granted in consents_of(person.pk).items() if granted}


def test_without_a_word_the_team_is_told_and_guests_are_not_and_the_last_word_counts(account, staff):
    alerts, everything = {"notification_type": "budget_alerts"}, set(notification_types())
    guest = make_member(account, Role.CLIENT).user
    assert (agreed(staff), agreed(guest), agreed(User.objects.create(email="nobody@example.org"))) == (
        everything,
        set(),
        set(),
    )

    assert give_consent(person=guest, source=PAGE, **alerts)
    assert not give_consent(person=guest, source=PAGE, **alerts)
    assert withdraw_consent(person=staff, source=ConsentSource.LINK, **alerts)
    assert not withdraw_consent(person=staff, source=PAGE, **alerts)
    assert (agreed(staff), agreed(guest)) == (everything - {"budget_alerts"}, {"budget_alerts"})
    assert said_of(person_ids=[staff.pk, guest.pk], notification_types=["budget_alerts", "approvals"]) == {
        (staff.pk, "budget_alerts"): False,
        (guest.pk, "budget_alerts"): True,
    }
    said = ConsentRecord.objects.order_by("position").values_list("granted", "source")
    assert list(said) == [(True, "page"), (False, "link")]


def test_a_choice_on_the_page_is_recorded_where_it_changes_something(account, staff):
    others = set(notification_types()) - {"approvals", "payments_due"}
    assert set(choose_consents(person=staff, wanted=["approvals", "payments_due"], source=PAGE)) == others
    assert set(choose_consents(person=staff, wanted=["payments_due", "budget_alerts"], source=PAGE)) == {
        "approvals",
        "budget_alerts",
    }
    assert choose_consents(person=staff, wanted=["payments_due", "budget_alerts"], source=PAGE) == []
    assert agreed(staff) == {"payments_due", "budget_alerts"}
    assert ConsentRecord.objects.count() == len(others) + 2


def test_another_account_hears_nothing_of_it(account, other_account, staff):
    withdraw_consent(person=staff, notification_type="approvals", source=PAGE)

    with tenant_scope(other_account.pk):
        assert agreed(staff) == set()
        add_member(account=other_account, email=staff.email, role="staff")
        assert agreed(staff) == set(notification_types())


def test_an_unknown_type_is_an_error_and_no_word_is_changed(account, staff):
    with pytest.raises(UnknownNotificationType, match=r"no notification type 'spam'\. Known are: account_news"):
        give_consent(person=staff, notification_type="spam", source=PAGE)
    with pytest.raises(UnknownNotificationType):
        choose_consents(person=staff, wanted=["approvals", "spam"], source=PAGE)
    assert not ConsentRecord.objects.exists()

    give_consent(person=staff, notification_type="approvals", source=PAGE)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        ConsentRecord.objects.update(granted=False)
