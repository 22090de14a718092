"""What people agreed to be told: nothing without a word of theirs, and the last word counts."""

import pytest
from django.db import DatabaseError, transaction

from budgetsite.accounts.services import add_member
from budgetsite.privacy.models import ConsentRecord, ConsentSource
from budgetsite.privacy.registry import notification_types
from budgetsite.privacy.services.consent import (
    UnknownNotificationType,
    choose_consents,
    consents_of,
    give_consent,
    has_consent,
    who_consented,
    withdraw_consent,
)
from budgetsite.tenancy.scope import tenant_scope

PAGE = ConsentSource.PAGE


def test_without_a_word_it_is_no_and_the_last_word_counts(account, staff, manager):
    alerts = {"notification_type": "budget_alerts"}
    assert not has_consent(person_id=staff.pk, **alerts)

    assert give_consent(person=staff, source=PAGE, **alerts)
    assert not give_consent(person=staff, source=PAGE, **alerts)
    assert has_consent(person_id=staff.pk, **alerts)
    assert who_consented(person_ids=[staff.pk, manager.pk], **alerts) == {staff.pk}
    assert not has_consent(person_id=staff.pk, notification_type="payments_due")

    assert withdraw_consent(person=staff, source=ConsentSource.LINK, **alerts)
    assert not withdraw_consent(person=staff, source=PAGE, **alerts)
    assert not has_consent(person_id=staff.pk, **alerts)
    said = ConsentRecord.objects.order_by("position").values_list("granted", "source")
    assert list(said) == [(True, "page"), (False, "link")]


def test_a_choice_on_the_page_is_recorded_where_it_changes_something(account, staff):
    assert set(choose_consents(person=staff, wanted=["approvals", "payments_due"], source=PAGE)) == {
        "approvals",
        "payments_due",
    }
    assert set(choose_consents(person=staff, wanted=["payments_due", "budget_alerts"], source=PAGE)) == {
        "approvals",
        "budget_alerts",
    }
    assert {name for name, granted in consents_of(staff.pk).items() if granted} == {"payments_due", "budget_alerts"}
    assert consents_of(staff.pk).keys() == notification_types().keys()
    assert ConsentRecord.objects.count() == 4


def test_another_account_hears_nothing_of_it(account, other_account, staff):
    give_consent(person=staff, notification_type="approvals", source=PAGE)

    with tenant_scope(other_account.pk):
        add_member(account=other_account, email=staff.email, role="staff")
        assert not has_consent(person_id=staff.pk, notification_type="approvals")


def test_an_unknown_type_is_an_error_and_no_word_is_changed(account, staff):
    with pytest.raises(UnknownNotificationType, match=r"no notification type 'spam'\. Known are: account_news"):
        has_consent(person_id=staff.pk, notification_type="spam")
    with pytest.raises(UnknownNotificationType):
        choose_consents(person=staff, wanted=["approvals", "spam"], source=PAGE)
    assert not ConsentRecord.objects.exists()

    give_consent(person=staff, notification_type="approvals", source=PAGE)
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
        ConsentRecord.objects.update(granted=False)
