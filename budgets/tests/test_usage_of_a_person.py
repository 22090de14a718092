"""What company budgets and usage say of a person: taken away whole, erased without touching the books."""

from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import IntegrityError, transaction

from budgets.models import LedgerEntry, Reservation, ScopedBudget
from budgets.personal_data import usage_tables
from budgets.services.ledger_proof import verify_ledger
from budgets.services.reservation import release_reservation, reserve
from budgets.services.scoped_budget import update_scoped_budget
from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.privacy.services.erasure import erase_person
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_account, make_member
from budgetsite.testing.scoped_budgets import NOW, make_scoped_budget, spend

EMAIL, NAME = "zoe.oconnor@example.org", "Zoë O’Connor"


@pytest.fixture
def account(committed_db):
    with transaction.atomic():
        made = make_account()
        make_member(made, Role.OWNER, name="The owner")
        add_member(account=made, email=EMAIL, role=Role.STAFF, name=NAME, password="correct horse battery")
    return made


def tell_a_story(account):
    """A budget of the person's, one of somebody else's, and usage that names the one or the other."""
    zoe = User.objects.get(email=EMAIL)
    top = make_scoped_budget(account, zoe, name="Season")
    hers = make_scoped_budget(
        account,
        zoe,
        name=f"{NAME}: travel",
        description=f"Ask {EMAIL} first",
        scope_type="user",
        scope_id=EMAIL.upper(),
        parent_id=top.pk,
    )
    make_scoped_budget(account, zoe, name="Another’s", scope_type="user", scope_id=f"not.{EMAIL}", parent_id=top.pk)
    update_scoped_budget(budget_id=hers.pk, acting_user=zoe, amount=Decimal(900))
    said = {"model": "large", "by": EMAIL, "with": [{"name": NAME.upper()}, "Zoë"]}
    spend(hers, zoe, 40, metadata=said, description="Train", machine="desk", source="api")
    spend(top, zoe, 2, metadata={"by": f"not.{EMAIL}"}, description="Of somebody else")
    held = reserve(
        budget_id=hers.pk, amount=Decimal(5), ttl_seconds=60, acting_user=zoe, now=NOW, description="Tea with Ana"
    )
    release_reservation(budget_id=hers.pk, reservation_id=held.pk, now=NOW)
    return zoe, hers


def test_an_export_has_their_budgets_reservations_and_the_usage_that_names_them(account):
    with transaction.atomic(), tenant_scope(account.pk):
        zoe, _hers = tell_a_story(account)
        tables = usage_tables(zoe)

    assert [row["name"] for row in tables["company_budgets"]] == [f"{NAME}: travel"]
    assert [row["description"] for row in tables["reservations"]] == ["Tea with Ana"]
    assert [(row["scoped_budget__name"], row["metadata"]["by"]) for row in tables["usage_that_names_them"]] == [
        (f"{NAME}: travel", EMAIL)
    ]


def test_an_erased_person_leaves_amounts_and_chain_and_no_name(account):
    with transaction.atomic(), tenant_scope(account.pk):
        zoe, hers = tell_a_story(account)
        chain = list(LedgerEntry.objects.order_by("pk").values_list("hash", flat=True))

    erased = erase_person(account=account, email=EMAIL, place="a test", now=NOW + timedelta(days=1)).erased

    counts = erased[account.slug]
    names = ("company budgets renamed", "usage without a name", "texts of reservations")
    assert [counts[name] for name in names] == [1, 1, 1]
    with transaction.atomic(), tenant_scope(account.pk):
        versions = [hers.__class__.objects.get(pk=hers.pk), *ScopedBudget.history.filter(id=hers.pk)]
        assert {(one.name, one.description, one.scope_id) for one in versions} == {
            ("(erased): travel", "Ask (erased) first", str(zoe.pk))
        }
        entry = LedgerEntry.objects.get(scoped_budget=hers)
        said = {"model": "large", "by": "(erased)", "with": [{"name": "(erased)"}, "Zoë"]}
        assert (entry.metadata, entry.description, entry.actual_delta) == (said, "Train", 40)
        assert Reservation.objects.get().description == ""
        # Whose name only contains theirs is somebody else.
        assert LedgerEntry.objects.exclude(pk=entry.pk).get().metadata == {"by": f"not.{EMAIL}"}
        assert ScopedBudget.objects.filter(scope_id=f"not.{EMAIL}", name="Another’s").exists()
        assert list(LedgerEntry.objects.order_by("pk").values_list("hash", flat=True)) == chain
        assert verify_ledger() == []


def test_nobody_else_gets_past_the_triggers_afterwards(account):
    with transaction.atomic(), tenant_scope(account.pk):
        _, hers = tell_a_story(account)
    erase_person(account=account, email=EMAIL, place="a test", now=NOW)

    with (
        transaction.atomic(),
        tenant_scope(account.pk),
        pytest.raises(IntegrityError, match="keeps its scope"),
        transaction.atomic(),
    ):
        ScopedBudget.objects.filter(pk=hers.pk).update(scope_id="another")
