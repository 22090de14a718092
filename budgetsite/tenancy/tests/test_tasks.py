from uuid import uuid4

import pytest
from celery import shared_task

from budgetsite.tenancy.scope import NOBODY, current_scope, require_tenant_id
from events.models import Venue


@shared_task
def look_around():
    return current_scope()


@shared_task
def add_venue(name, fail=False):
    Venue.objects.create(name=name)
    if fail:
        raise RuntimeError("after the write")


def test_a_task_runs_in_the_tenant_that_its_message_names(account, owner):
    scope = look_around(tenant_id=str(account.pk), user_id=str(owner.pk))
    assert (scope.tenant_id, scope.user_id) == (account.pk, owner.pk)


def test_a_task_without_a_tenant_runs_outside_any(account):
    assert require_tenant_id() == account.pk
    assert look_around() == NOBODY


def test_a_task_that_fails_stores_nothing(account):
    with pytest.raises(RuntimeError):
        add_venue("Hall", fail=True, tenant_id=str(account.pk))
    assert not Venue.objects.exists()
    add_venue("Hall", tenant_id=str(account.pk))
    assert Venue.objects.count() == 1


def test_a_task_sees_nothing_of_a_tenant_that_it_does_not_name(account):
    add_venue("Hall", tenant_id=str(account.pk))
    from budgetsite.tenancy.scope import tenant_scope

    with tenant_scope(uuid4()):
        assert not Venue.objects.exists()
