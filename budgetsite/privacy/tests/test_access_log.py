"""Where personal data is shown to many or taken away, the log says so."""

import pytest
from django.core.management import call_command
from django.db import DatabaseError, transaction
from django.urls import reverse

from budgetsite.accounts.models import Membership
from budgetsite.accounts.roles import Role
from budgetsite.privacy.models import PersonalDataAccess
from budgetsite.privacy.selectors import accesses_to
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_account, make_member, sign_in
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from budgetsite.testing.rest import rest_client_of
from registrations.services.registration import approve


def log():
    return list(
        PersonalDataAccess.objects.order_by("created_at", "place").values_list(
            "actor__name", "action", "kind", "subject__name", "people", "place"
        )
    )


def test_the_list_of_people_and_each_of_their_pages_in_the_back_office(account, other_account, owner, staff):
    client = sign_in(owner, account)
    members = {row.user_id: row.pk for row in Membership.objects.all()}

    client.get(reverse("admin:accounts_membership_changelist"))
    client.get(reverse("admin:accounts_membership_change", args=[members[staff.pk]]))
    client.get(reverse("admin:accounts_membership_change", args=[members[owner.pk]]))
    client.get(reverse("admin:accounts_membership_changelist"), {"q": "nobody has this name"})

    assert sorted(log(), key=lambda entry: entry[5]) == [
        ("The owner", "viewed", "members", "The staff", 1, "Back office, a person"),
        ("The owner", "viewed", "members", None, 2, "Back office, people"),
    ]
    with tenant_scope(other_account.pk):
        assert log() == []


def test_registrations_taken_away_as_a_file_or_on_paper(account, owner):
    event = make_open_event(account, owner)
    option = make_option(event, owner)
    guest = make_member(account, Role.ATTENDEE, name="A guest").user
    registration = ask(event, guest, option)
    ask(event, owner, option)
    approve(registration_id=registration.pk, event=event, acting_user=owner, now=NOW)
    client = sign_in(owner, account)

    assert client.get(reverse("registrations:manual_list", args=[event.pk])).status_code == 200
    exported = client.get(reverse("registrations:export", args=[event.pk]), {"format": "xlsx", "status": "PENDING"})
    assert exported.status_code == 200
    assert rest_client_of(owner, account).get(f"/events/{event.pk}/registrations/export").status == 200

    assert sorted(log(), key=lambda entry: entry[5]) == [
        ("The owner", "exported", "registrations", None, 1, "List for the door of an event"),
        ("The owner", "exported", "registrations", None, 2, "Registrations of an event, CSV"),
        ("The owner", "exported", "registrations", None, 1, "Registrations of an event, Excel workbook"),
    ]
    assert set(PersonalDataAccess.objects.values_list("list_id", flat=True)) == {event.pk}
    assert len(accesses_to(guest)) == 3


def test_an_account_taken_away_by_an_operator(committed_db, tmp_path, capsys):
    with transaction.atomic():
        account = make_account()
        for role in (Role.OWNER, Role.STAFF):
            make_member(account, role)

    call_command("export_account", "--account", account.slug, "--out", str(tmp_path / "out"))

    with tenant_scope(account.pk), transaction.atomic():
        [(actor, action, kind, subject, people, place)] = log()
    assert (actor, action, kind, subject, people) == (None, "exported", "account", None, 2)
    assert place.startswith("manage.py export_account, by ")


def test_the_log_is_not_changed_by_anybody(account, owner):
    client = sign_in(owner, account)
    client.get(reverse("admin:accounts_membership_changelist"))

    for change in (
        lambda: PersonalDataAccess.objects.update(people=0),
        lambda: PersonalDataAccess.objects.all()._raw_delete("default"),
    ):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            change()
    [entry] = PersonalDataAccess.objects.all()
    address = reverse("admin:privacy_personaldataaccess_change", args=[entry.pk])
    assert client.get(address).status_code == 200
    assert client.post(address, {"people": "0"}).status_code == 403
    assert client.post(reverse("admin:privacy_personaldataaccess_delete", args=[entry.pk])).status_code == 403
