"""`manage.py rotate_keys`: every value under the first key, whatever happens while it runs."""

import re
import signal
import subprocess
import sys
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test import override_settings

from budgets.models import Vendor
from budgetsite.encryption import rotation
from budgetsite.encryption.keys import parse_keys
from budgetsite.encryption.rotation import encrypted_columns
from budgetsite.local.folder import CHECKOUT
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing import other_process
from budgetsite.testing.people import make_account
from budgetsite.testing.web_process import eventually

OLD, NEW = f"old:{'A' * 43}=", f"new:{'E' * 43}="
BOTH = parse_keys(f"{NEW},{OLD}")


def make_vendors(account, count):
    with tenant_scope(account.pk), transaction.atomic(), override_settings(FIELD_ENCRYPTION_KEYS=parse_keys(OLD)):
        return Vendor.objects.bulk_create(
            Vendor(name=f"Vendor {number}", bank_details=f"IBAN {number}", notes="" if number else "a note")
            for number in range(count)
        )


def by_key(account, column="bank_details"):
    with connections["service"].cursor() as cursor:
        cursor.execute(
            f"SELECT split_part({column}, ':', 1), count(*) FROM budgets_vendor"
            f" WHERE tenant_id = %s AND {column} <> '' GROUP BY 1",
            [account.pk],
        )
        return dict(cursor.fetchall())


def read(account, *fields):
    with tenant_scope(account.pk), transaction.atomic():
        return dict(Vendor.objects.values_list("name", *fields))


def rotate_keys(*arguments):
    printed = StringIO()
    call_command("rotate_keys", *arguments, stdout=printed)
    return printed.getvalue()


def test_all_encrypted_columns_are_found_histories_too():
    names = [column.name for column in encrypted_columns()]

    assert {"budgets_vendor.bank_details", "budgets_historicalvendor.bank_details"} < set(names)
    assert names == sorted(names)


def test_every_value_of_an_account_comes_under_the_first_key_and_nothing_else_changes(committed_db):
    account, other = make_account(), make_account("Rival Events")
    make_vendors(account, 3)
    make_vendors(other, 2)
    with tenant_scope(account.pk), transaction.atomic(), override_settings(FIELD_ENCRYPTION_KEYS=BOTH):
        # Its history row is under the new key; the vendor was changed a moment ago.
        Vendor.objects.get(name="Vendor 2").save()
    before = read(account, "updated_at")

    with override_settings(FIELD_ENCRYPTION_KEYS=BOTH):
        assert rotate_keys("--account", account.slug, "--batch", "1") == (
            "  budgets_vendor.bank_details: 1 of 2\n"
            "  budgets_vendor.bank_details: 2 of 2\n"
            "  budgets_vendor.notes: 1 of 1\n"
            "3 values encrypted anew.\n"
            "Key new: 5 values. It encrypts.\n"
            f"Key old: no values of {account.slug}. Other accounts may need it.\n"
        )
        assert (by_key(account), by_key(other)) == ({"new": 3}, {"old": 2})
        assert read(account, "bank_details") == {f"Vendor {number}": f"IBAN {number}" for number in range(3)}
        assert read(account, "updated_at") == before

        assert rotate_keys().splitlines()[-3:] == [
            "3 values encrypted anew.",
            "Key new: 8 values. It encrypts.",
            "Key old: no values. Only backups may still need it.",
        ]
        assert rotate_keys().startswith("0 values encrypted anew.")


def test_a_history_row_is_rotated_though_requests_may_not_change_it(committed_db):
    account = make_account()
    with tenant_scope(account.pk), transaction.atomic(), override_settings(FIELD_ENCRYPTION_KEYS=parse_keys(OLD)):
        Vendor.objects.create(name="Florist", bank_details="IBAN 1")

    with override_settings(FIELD_ENCRYPTION_KEYS=BOTH):
        assert "budgets_historicalvendor.bank_details: 1 of 1" in rotate_keys()
    with (
        override_settings(FIELD_ENCRYPTION_KEYS=BOTH[:1]),
        tenant_scope(account.pk),
        transaction.atomic(),
    ):
        assert Vendor.history.get().bank_details == "IBAN 1"


def test_what_somebody_saves_meanwhile_is_kept(committed_db, monkeypatch):
    account = make_account()
    make_vendors(account, 2)
    encrypt = rotation.encrypt

    def after_an_edit(text, place):
        if text == "IBAN 1":
            old = override_settings(FIELD_ENCRYPTION_KEYS=parse_keys(OLD))
            with tenant_scope(account.pk), transaction.atomic(), old:
                assert Vendor.objects.filter(name="Vendor 1").update(bank_details="edited") == 1
        return encrypt(text, place)

    monkeypatch.setattr(rotation, "encrypt", after_an_edit)

    with override_settings(FIELD_ENCRYPTION_KEYS=BOTH):
        assert "3 values encrypted anew" in rotate_keys()
        assert read(account, "bank_details") == {"Vendor 0": "IBAN 0", "Vendor 1": "edited"}
    assert by_key(account) == {"new": 2}


def test_what_cannot_be_decrypted_is_named_without_its_value_and_left(committed_db):
    account = make_account()
    whole, damaged, plain = make_vendors(account, 3)
    with connections["service"].cursor() as cursor:
        cursor.execute("UPDATE budgets_vendor SET notes = ''")
        statement = "UPDATE budgets_vendor SET bank_details = %s WHERE id = %s"
        cursor.execute(statement, ["old:" + "Z" * 60, damaged.pk])
        cursor.execute(statement, ["IBAN: 33", plain.pk])
    printed = StringIO()

    with (
        override_settings(FIELD_ENCRYPTION_KEYS=BOTH),
        pytest.raises(CommandError, match="2 values could not be decrypted and stay as they are") as failed,
    ):
        call_command("rotate_keys", stdout=printed)

    said = printed.getvalue().splitlines()
    assert failed.value.returncode == 1
    assert said[:5] == [
        "  budgets_vendor.bank_details: 1 of 3",
        "1 values encrypted anew.",
        "Key new: 1 values. It encrypts.",
        "Key old: 1 values. Keep it, and run this again.",
        "1 values are not encrypted.",
    ]
    assert sorted(said[5:]) == sorted(
        [
            f"  row {damaged.pk}: budgets_vendor.bank_details cannot be decrypted: the key old does not fit the value."
            " It was changed, or moved here from another place, or the key is another one under the same id.",
            f"  row {plain.pk}: budgets_vendor.bank_details cannot be decrypted: the value was stored past the field"
            " and is not a ciphertext.",
        ]
    )
    assert not re.search("ZZZ|33", printed.getvalue().replace(str(damaged.pk), "").replace(str(plain.pk), ""))
    with override_settings(FIELD_ENCRYPTION_KEYS=BOTH), tenant_scope(account.pk), transaction.atomic():
        assert Vendor.objects.get(pk=whole.pk).bank_details == "IBAN 0"
        with connection.cursor() as cursor:
            cursor.execute("SELECT bank_details FROM budgets_vendor WHERE id = %s", [plain.pk])
            assert cursor.fetchone() == ("IBAN: 33",)


def test_a_rotation_that_is_killed_goes_on_where_it_was(committed_db, tmp_path):
    account = make_account()
    make_vendors(account, 400)
    command = [sys.executable, "manage.py", "rotate_keys", "--batch", "5"]
    environ = other_process.environment() | {"FIELD_ENCRYPTION_KEYS": f"{NEW},{OLD}"}

    with (tmp_path / "said").open("w") as said:
        process = subprocess.Popen(command, cwd=CHECKOUT, env=environ, stdout=said, stderr=said)
        eventually(lambda: "new" in by_key(account) or process.poll() is not None, "A first batch")
        process.send_signal(signal.SIGKILL)
        assert process.wait(30) == -signal.SIGKILL, (tmp_path / "said").read_text()

    halfway = by_key(account)
    assert halfway.keys() == {"old", "new"}
    with override_settings(FIELD_ENCRYPTION_KEYS=BOTH):
        assert read(account, "bank_details") == {f"Vendor {number}": f"IBAN {number}" for number in range(400)}
        # 400 bank details and one note.
        assert f"\n{halfway['old'] + 1} values encrypted anew.\n" in rotate_keys()
    with override_settings(FIELD_ENCRYPTION_KEYS=BOTH[:1]):
        assert read(account, "bank_details") == {f"Vendor {number}": f"IBAN {number}" for number in range(400)}
