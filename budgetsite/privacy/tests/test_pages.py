"""“Your data”: everybody's own page about what they are told, what is stored of them, and who saw it."""

import io
import json
import zipfile

import pytest
from django.urls import reverse

from budgetsite.accounts.roles import Role
from budgetsite.privacy.models import AccessAction, PersonalDataAccess
from budgetsite.privacy.registry import notification_types
from budgetsite.privacy.services.access_log import record_access
from budgetsite.privacy.services.consent import consents_of
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.registrations import ask, make_open_event, make_option

MINE = reverse("privacy:mine")


@pytest.fixture
def guest(account):
    return make_member(account, Role.ATTENDEE, name="Zoë <b>O’Connor</b>").user


def test_everybody_ticks_what_they_want_to_be_told(account, guest):
    client = sign_in(guest, account)
    page = client.get(MINE).content.decode()
    assert "checked" not in page
    for notification_type in notification_types().values():
        assert notification_type.explanation in page

    answer = client.post(reverse("privacy:consents"), {"registration_news": "on", "spam": "on"}, follow=True)

    assert "Your choice is kept." in answer.content.decode()
    assert [name for name, agreed in consents_of(guest.pk).items() if agreed] == ["registration_news"]
    assert client.get(MINE).content.decode().count("checked") == 1
    assert client.post(reverse("privacy:consents"), {}).status_code == 302
    assert not any(consents_of(guest.pk).values())


def test_everybody_takes_their_own_data_away_and_nobody_elses(account, guest, owner):
    event = make_open_event(account, owner)
    option = make_option(event, owner)
    ask(event, guest, option, notes="Mine")
    ask(event, owner, option, notes="The owner's")

    answer = sign_in(guest, account).post(reverse("privacy:data"))

    assert answer["Content-Disposition"] == f'attachment; filename="my-data-{account.slug}.zip"'
    assert "no-store" in answer["Cache-Control"]
    with zipfile.ZipFile(io.BytesIO(b"".join(answer))) as archive:
        text = archive.read("person.json").decode()
    assert json.loads(text)["person"]["name"] == "Zoë <b>O’Connor</b>"
    assert [row["notes"] for row in json.loads(text)["data"]["registrations"]["registrations"]] == ["Mine"]
    assert "The owner's" not in text
    access = PersonalDataAccess.objects.get()
    assert (access.action, access.actor_id, access.subject_id) == ("exported", guest.pk, guest.pk)


def test_they_see_who_looked_at_them_alone_or_on_a_list_that_they_stood_in(account, other_account, guest, owner):
    event, another = make_open_event(account, owner), make_open_event(account, owner, name="Another")
    viewed, exported = AccessAction.VIEWED, AccessAction.EXPORTED
    ask(event, guest, make_option(event, owner))
    seen = {"actor_id": owner.pk}
    record_access(action=viewed, kind="person", subject=guest, place="Alone", **seen)
    record_access(action=exported, kind="registrations", list_id=event.pk, people=3, place="The event's list", **seen)
    record_access(action=viewed, kind="members", list_id=account.pk, people=2, place="The people", **seen)
    record_access(action=viewed, kind="person", subject=owner, place="Somebody else", **seen)
    record_access(action=exported, kind="registrations", list_id=another.pk, people=3, place="Another list", **seen)
    record_access(action=exported, kind="registrations", list_id=event.pk, people=0, place="An empty list", **seen)
    with tenant_scope(other_account.pk):
        record_access(action=viewed, kind="person", subject=guest, place="Another account", **seen)

    page = sign_in(guest, account).get(MINE).content.decode()

    for words in ("Alone", "The event&#x27;s list", "a list of 3 people", "The people", "The owner"):
        assert words in page, words
    for words in ("Somebody else", "Another list", "An empty list", "Another account"):
        assert words not in page, words


def test_nobody_gets_there_signed_out_and_nothing_happens_by_a_link(account, guest, client):
    for name in ("mine", "consents", "data"):
        assert client.get(reverse(f"privacy:{name}")).status_code in (302, 405)
    signed_in = sign_in(guest, account)
    for name in ("consents", "data"):
        assert signed_in.get(reverse(f"privacy:{name}")).status_code == 405
    assert not PersonalDataAccess.objects.exists()


@pytest.mark.parametrize(
    ("role", "log", "rules", "add"),
    [(Role.OWNER, 200, 200, 200), (Role.MANAGER, 200, 200, 403), (Role.STAFF, 403, 200, 403)],
)
def test_owners_set_retention_managers_read_the_log(account, member_client, role, log, rules, add):
    client = member_client(role)

    assert client.get(reverse("admin:privacy_personaldataaccess_changelist")).status_code == log
    assert client.get(reverse("admin:privacy_retentionrule_changelist")).status_code == rules
    assert client.get(reverse("admin:privacy_retentionrule_add")).status_code == add


def test_a_retention_rule_is_made_in_the_back_office_and_a_second_one_refused_at_its_field(account, owner):
    client = sign_in(owner, account)
    values = {"kind": "registrations", "months": "6", "is_active": "on"}
    address = reverse("admin:privacy_retentionrule_add")

    assert client.post(address, values).status_code == 302
    again = client.post(address, values).content.decode()
    wrong = client.post(address, {"kind": "access_log", "months": "0"}).content.decode()

    assert "There is a rule for “What people wrote with their registrations” already. Change that one." in again
    assert "Ensure this value is greater than or equal to 1." in wrong
    listed = client.get(reverse("admin:privacy_retentionrule_changelist")).content.decode()
    assert "6 months" in listed
