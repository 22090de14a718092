"""`create_account` and `add_member`, as an operator runs them."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from budgets.models import Category
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.selectors import find_account
from budgetsite.tenancy.scope import tenant_scope


def run(*arguments):
    out, err = StringIO(), StringIO()
    call_command(*arguments, stdout=out, stderr=err)
    return json.loads(out.getvalue()), err.getvalue()


def create(slug="dawn", **options):
    values = {"currency": "cad", "timezone": "America/Toronto", "owner_email": "Ana@Example.org", **options}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in values.items()]
    return run("create_account", "Dawn Catering", f"--slug={slug}", *flags)


def test_an_account_is_opened_with_its_owner_and_the_seeds_categories(committed_db):
    made, told = create(password="a long enough one")
    assert told == ""
    account = find_account("dawn")
    assert made == {
        "account_id": str(account.pk),
        "slug": "dawn",
        "user_id": made["user_id"],
        "membership_id": made["membership_id"],
        "role": "owner",
        "exists": False,
        "member_exists": False,
    }
    assert (account.name, account.currency, account.timezone) == ("Dawn Catering", "CAD", "America/Toronto")
    user = User.objects.get(pk=made["user_id"])
    assert user.email == "ana@example.org"
    assert user.check_password("a long enough one")
    with transaction.atomic(), tenant_scope(account.pk):
        shares = dict(Category.objects.values_list("name", "benchmark_share"))
    assert len(shares) == 21
    assert sum(share for share in shares.values() if share) == 130


def test_what_exists_is_told_and_left_alone(committed_db):
    first, _ = create(password="a long enough one")
    again, told = create(currency="EUR", password="another long one")
    assert (again["account_id"], again["membership_id"]) == (first["account_id"], first["membership_id"])
    assert (again["exists"], again["member_exists"]) == (True, True)
    assert "exists already" in told
    assert find_account("dawn").currency == "CAD"
    assert User.objects.get().check_password("a long enough one")


def test_a_person_may_belong_to_two_accounts_and_keeps_their_password(committed_db):
    first, _ = create(password="a long enough one")
    create(slug="dusk", owner_email="ben@example.org")
    second, _ = run(
        "add_member", "--account=dusk", "--email=ANA@example.org", "--role=staff", "--password=other long one"
    )
    assert second["user_id"] == first["user_id"]
    assert second["exists"] is False
    assert User.objects.get(email="ana@example.org").check_password("a long enough one")
    again, told = run("add_member", "--account=dusk", "--email=ana@example.org", "--role=owner")
    assert (again["exists"], again["role"]) == (True, "staff")
    assert "belongs to this account already, as staff" in told


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"currency": "XYZ"}, "XYZ"),
        ({"timezone": "Mars/Base"}, "not a known time zone"),
        ({"owner_email": "nobody"}, "valid email"),
        ({"password": "short"}, "too short"),
    ],
)
def test_bad_values_open_nothing(committed_db, options, message):
    with pytest.raises(CommandError, match=message):
        create(**options)
    assert not Account.objects.using("service").exists()
    assert not User.objects.exists()


def test_an_unknown_account_says_so(committed_db):
    with pytest.raises(CommandError, match="no account 'nowhere'"):
        run("add_member", "--account=nowhere", "--email=a@example.org", "--role=staff")
