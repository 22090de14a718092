from collections import Counter
from datetime import UTC, datetime

import pytest

from budgets.demo import mesa_y_luna
from budgets.demo.loading import load_demo
from budgets.services.ledger_proof import verify_ledger
from budgetsite.accounts.models import User
from budgetsite.accounts.selectors import memberships_of
from budgetsite.tenancy.scope import tenant_scope
from registrations import demo
from registrations.models import EventRegistration, WaitlistEntry
from registrations.services.registration_proof import verify_registrations

NOW = datetime(2026, 5, 4, 9, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def loaded(shared_db):
    load_demo(now=NOW, sequels={mesa_y_luna.HOUSE.slug: demo.tell})


@pytest.fixture
def gala(loaded, db):
    owner = User.objects.get(email=mesa_y_luna.HOUSE.people[0].email)
    with tenant_scope(memberships_of(owner)[0].tenant_id, user_id=owner.pk):
        yield


def test_the_gala_has_guests_in_every_state(gala):
    found = Counter(EventRegistration.objects.values_list("status", flat=True))
    assert found == {"PENDING": 6, "APPROVED": 9, "REJECTED": 2, "CANCELLED": 2}
    assert EventRegistration.objects.get(collected_at__isnull=False).user.name == "Ana Vidal"
    offered = WaitlistEntry.objects.get(status="OFFERED")
    assert offered.user.name == "Sira Noguera"
    assert WaitlistEntry.objects.filter(status="WAITING").count() == 2


def test_the_galas_counters_and_money_are_true(gala):
    assert verify_registrations() == []
    assert verify_ledger() == []
