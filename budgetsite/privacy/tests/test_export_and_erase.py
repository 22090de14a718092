"""One person's data, taken away and erased, beside others whose data stays as it was."""

import json
import zipfile
from datetime import timedelta
from decimal import Decimal
from io import StringIO

import pytest
from django.contrib.auth import authenticate
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.core.management import CommandError, call_command
from django.db import connections, transaction
from django.test import RequestFactory
from django.utils import timezone

from alerts.models import BudgetAlert
from alerts.services.reactions import acknowledge_alert
from budgets.models import BudgetComment, BudgetDecision, CalendarFeed, LedgerEntry, Receipt, Vendor
from budgets.services.ledger_audit import audit_ledger
from budgetsite.accounts.models import Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import membership_in
from budgetsite.accounts.services import add_member
from budgetsite.privacy.models import ConsentRecord, ConsentSource, PersonalDataAccess
from budgetsite.privacy.services.consent import give_consent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_line, move
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.people import PASSWORD, make_account, make_member, sign_in
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from budgetsite.testing.rest import rest_client_of
from events.models import Event
from registrations.models import EventRegistration
from registrations.services.registration_proof import verify_registrations

EMAIL = "zoe.oconnor@example.org"
NAME = "Zoë O’Connor"


@pytest.fixture
def sunrise(committed_db):
    with transaction.atomic():
        account = make_account()
        make_member(account, Role.OWNER, name="The owner")
        add_member(account=account, email=EMAIL, role=Role.MANAGER, password=PASSWORD, name=NAME)
    return account


@pytest.fixture
def story(sunrise):
    """An account in which a person, and somebody else beside them, left all kinds of traces."""
    zoe = User.objects.get(email=EMAIL)
    with transaction.atomic(), tenant_scope(sunrise.pk, user_id=zoe.pk):
        owner = Membership.objects.get(role=Role.OWNER).user
        event = make_open_event(sunrise, owner)
        budget = event.budgets.get()
        line = make_line(budget, owner, name="Hall", budgeted_amount=Decimal("400"))
        option = make_option(event, owner)
        ask(event, zoe, option, notes="I cannot climb stairs")
        ask(event, owner, option, notes="The owner's own note")
        for user, text in ((zoe, "Call me at home"), (owner, "The owner's words")):
            BudgetComment.objects.create(budget=budget, author=user, text=text)
        move(budget, "submit", user=owner, role=Role.OWNER, account=sunrise)
        move(budget, "approve", user=zoe, role=Role.MANAGER, account=sunrise, reason="A fair price")
        expense = make_expense(
            budget,
            zoe,
            role=Role.MANAGER,
            line_item=line,
            amount=Decimal("500"),
            stage="invoiced",
            notes="Do not tell her",
        )
        stored = storages["receipts"].save("zoe.png", ContentFile(b"a picture"))
        Receipt.objects.create(
            expense=expense, name="../../zoë.png", content_type="image/png", stored_as=stored, uploaded_by=zoe
        )
        Vendor.objects.create(name="O’Connor & Co", contact_name=NAME, email=EMAIL.title(), phone="555 1234")
        CalendarFeed.objects.create(user=zoe, name="Zoë’s phone", token_hash=b"1")
        alert = BudgetAlert.objects.filter(line_item=line).get()
        acknowledge_alert(alert_id=alert.pk, acting_user=zoe, comment="I shall ring Ana", now=NOW)
        give_consent(person=zoe, notification_type="budget_alerts", source=ConsentSource.PAGE)
    return zoe


def run(command, *arguments):
    printed = StringIO()
    call_command(command, *arguments, stdout=printed)
    return printed.getvalue().splitlines()


def in_account(account, read):
    with tenant_scope(account.pk), transaction.atomic():
        return read()


def rows_of_everything():
    """All rows of all tables, as the owner sees them."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
        tables = [name for (name,) in cursor.fetchall()]
        found = {}
        for table in tables:
            cursor.execute(f'SELECT t::text FROM "{table}" t ORDER BY 1')
            found[table] = cursor.fetchall()
    return found


def test_a_person_takes_away_everything_and_that_is_recorded(sunrise, story, tmp_path):
    target = tmp_path / "zoe.zip"

    said = run("export_person", "--account", sunrise.slug, "--email", EMAIL.upper(), "--to", str(target))

    with zipfile.ZipFile(target) as archive:
        document = json.loads(archive.read("person.json"))
        assert archive.namelist() == ["person.json", "files/budgets/1-zoë.png"]
        assert archive.read("files/budgets/1-zoë.png") == b"a picture"
    data = document["data"]
    assert document["person"] == {"id": str(story.pk), "email": EMAIL, "name": NAME}
    assert [row["role"] for row in data["accounts"]["memberships"]] == ["manager"]
    assert [row["notes"] for row in data["registrations"]["registrations"]] == ["I cannot climb stairs"]
    assert [row["text"] for row in data["budgets"]["comments"]] == ["Call me at home"]
    assert [(row["action"], row["reason"]) for row in data["budgets"]["decisions"]] == [("approve", "A fair price")]
    assert [(row["description"], row["amount"]) for row in data["budgets"]["expenses"]] == [("Roses", "500.000")]
    assert [row["name"] for row in data["budgets"]["vendor_contacts"]] == ["O’Connor & Co"]
    assert [row["acknowledged_comment"] for row in data["alerts"]["acknowledged"]] == ["I shall ring Ana"]
    assert [row["granted"] for row in data["privacy"]["consents"]] == [True]
    assert len(data["traces"]["budgets_ledgerentry.actor_id"]) == len(data["budgets"]["ledger_entries"]) == 1
    for text in ("The owner's", "Do not tell her"):
        assert text not in json.dumps(document)
    assert said[-1].endswith(f"rows and 1 files in {target}.")
    assert target.stat().st_mode & 0o777 == 0o600

    [access] = in_account(sunrise, lambda: list(PersonalDataAccess.objects.filter(kind="person")))
    assert (access.action, access.subject_id, access.actor_id) == ("exported", story.pk, None)
    assert access.place.startswith("manage.py export_person, by ")
    with pytest.raises(CommandError, match="is there already"):
        run("export_person", "--account", sunrise.slug, "--email", EMAIL, "--to", str(target))


def test_an_erased_person_leaves_the_books_whole_and_no_name(sunrise, story):
    client, program = sign_in(story, sunrise), rest_client_of(story, sunrise)
    # Of a day that is still to come, whenever this runs.
    in_account(sunrise, lambda: Event.objects.update(event_date=timezone.now() + timedelta(days=9)))
    chain = in_account(sunrise, lambda: list(LedgerEntry.objects.values_list("hash", flat=True)))
    before = rows_of_everything()

    dry = run("erase_person", "--account", sunrise.slug, "--email", EMAIL, "--dry-run")

    assert rows_of_everything() == before
    counts = [
        "calendars", "comments", "comments on alerts", "consents withdrawn", "contacts of vendors",
        "memberships ended", "notes with registrations",
    ]  # fmt: skip
    assert dry == [
        *(f"{sunrise.slug}: 1 {what}" for what in counts),
        f"{sunrise.slug}: 1 of their registrations still keep a place. Cancel them at the desk if nobody comes.",
        "Name, address and everything to sign in with would go.",
        "Nothing was erased: this was a dry run.",
    ]

    said = run("erase_person", "--account", sunrise.slug, "--email", EMAIL, "--yes")

    assert said == [*dry[:-2], "Name, address and everything to sign in with are gone."]
    left = json.dumps(rows_of_everything(), ensure_ascii=False)
    for text in (EMAIL, EMAIL.title(), NAME, "climb stairs", "Call me", "ring Ana", "555 1234", "Zoë’s phone"):
        assert text not in left, text
    for text in ("The owner's own note", "The owner's words", "A fair price"):
        assert text in left, text

    erased = User.objects.get(pk=story.pk)
    assert (str(erased), erased.email) == ("Erased person", f"{story.pk.hex}@erased.invalid")
    assert authenticate(RequestFactory().post("/sign-in"), username=EMAIL, password=PASSWORD) is None
    assert membership_in(sunrise.pk, user_id=story.pk) is None
    assert client.get("/").status_code == 302
    assert program.get("/events").status == 401

    assert in_account(sunrise, lambda: audit_ledger().discrepancies) == []
    assert in_account(sunrise, verify_registrations) == []
    assert in_account(sunrise, lambda: list(LedgerEntry.objects.values_list("hash", flat=True))) == chain
    assert in_account(sunrise, lambda: BudgetDecision.objects.get(action="approve").actor_id) == story.pk
    assert in_account(sunrise, lambda: EventRegistration.objects.get(user=story).notes) == ""
    assert in_account(sunrise, lambda: CalendarFeed.objects.get().revoked_at) is not None
    said_last = in_account(sunrise, lambda: ConsentRecord.objects.order_by("position").last())
    assert (said_last.granted, said_last.source) == (False, "erasure")
    [access] = in_account(sunrise, lambda: list(PersonalDataAccess.objects.filter(action="erased")))
    assert (access.subject_id, access.actor_id, access.place.partition(",")[0]) == (
        story.pk,
        None,
        "manage.py erase_person",
    )


def test_somebody_of_two_accounts_is_erased_in_one_and_stays_in_the_other(sunrise, story):
    with transaction.atomic():
        rival = make_account("Rival Events")
        make_member(rival, Role.OWNER)
        add_member(account=rival, email=EMAIL, role=Role.CLIENT)
    with tenant_scope(rival.pk), transaction.atomic():
        budget = make_open_event(rival, story).budgets.get()
        BudgetComment.objects.create(budget=budget, author=story, text="In the other account")

    said = run("erase_person", "--account", sunrise.slug, "--email", EMAIL, "--yes")

    assert said[-1].startswith("They belong to 1 other account(s), and so keep their name")
    assert in_account(sunrise, lambda: BudgetComment.objects.get(author=story).text) == "(erased)"
    assert in_account(rival, lambda: BudgetComment.objects.get().text) == "In the other account"
    assert User.objects.get(pk=story.pk).email == EMAIL
    assert membership_in(sunrise.pk, user_id=story.pk) is None
    assert membership_in(rival.pk, user_id=story.pk).role == "client"

    run("erase_person", "--account", rival.slug, "--email", EMAIL, "--yes", "--everywhere")

    assert in_account(rival, lambda: BudgetComment.objects.get().text) == "(erased)"
    assert str(User.objects.get(pk=story.pk)) == "Erased person"


def test_the_last_owner_a_person_of_the_platform_and_a_stranger_are_refused_and_nothing_changes(sunrise):
    with transaction.atomic():
        rival = make_account("Rival Events")
        make_member(rival, Role.OWNER)
        owner = in_account(sunrise, lambda: Membership.objects.get(role=Role.OWNER).user)
        add_member(account=rival, email=owner.email, role=Role.STAFF)
    before = rows_of_everything()

    for email, words in {
        owner.email: f"This is the last owner of {sunrise.slug}. Make somebody else an owner first",
        "nobody@example.org": f"Nobody with the address nobody@example.org belongs to {sunrise.slug}, or ever did",
    }.items():
        with pytest.raises(CommandError, match=words):
            run("erase_person", "--account", sunrise.slug, "--email", email, "--yes")
    # In the other account they are no owner; everywhere includes this one.
    with pytest.raises(CommandError, match=f"last owner of {sunrise.slug}"):
        run("erase_person", "--account", rival.slug, "--email", owner.email, "--yes", "--everywhere")
    assert rows_of_everything() == before

    with connections["owner"].cursor() as cursor:
        cursor.execute("UPDATE accounts_user SET is_staff = true WHERE email = %s", [EMAIL])
    with pytest.raises(CommandError, match="has rights of the platform"):
        run("erase_person", "--account", sunrise.slug, "--email", EMAIL, "--yes")
    assert User.objects.get(email=EMAIL).name == NAME
