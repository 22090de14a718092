"""Where a secret text could come to light beside its own page: it does not."""

from django.db import transaction
from django.utils import timezone

from budgets.models import Vendor
from budgetsite.pages.back_office.history import Source, story
from budgetsite.tenancy.export import export_tenant
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_account

IBAN = "GB33 BUKB 2020 1555 5555 55"


def test_the_history_tells_that_it_changed_and_not_what_it_said(account):
    vendor = Vendor.objects.create(name="Florist", bank_details=IBAN)
    vendor.bank_details, vendor.phone = "another", "555"
    vendor.save()

    latest, added = story([Source(Vendor.history.filter(id=vendor.pk))])

    assert {change.label: (change.old, change.new) for change in latest.changes} == {
        "Bank details": ("not shown", "not shown"),
        "Phone": ("–", "555"),
    }
    assert added.changes == []


def test_an_account_is_taken_away_with_its_secrets_as_ciphertexts(committed_db, tmp_path):
    with transaction.atomic():
        account = make_account()
        with tenant_scope(account.pk):
            Vendor.objects.create(name="Florist", bank_details=IBAN)

    export_tenant(account.pk, directory=tmp_path / "out", now=timezone.now())

    files = {path.name: path.read_text() for path in (tmp_path / "out").iterdir()}
    for name in ("budgets_vendor.csv", "budgets_historicalvendor.csv"):
        assert "Florist" in files[name]
        assert "tests:" in files[name]
    assert not any("GB33" in text for text in files.values())
