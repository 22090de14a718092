"""Every endpoint of the schema × a machine: its own actions, in its own account, and nothing else."""

import pytest
from django.test import Client
from django.utils import timezone

from budgetsite.accounts.api_keys import create_api_key
from budgetsite.accounts.permissions import MACHINE_ACTIONS
from budgetsite.api.tests.test_every_endpoint import call, endpoints, rows_of
from budgetsite.testing.rest import RestClient


class Machine(RestClient):
    """Sends its key with raw requests too."""

    def raw(self, method, path, body, content_type="application/json"):
        return self._answer(self.client.generic(method, path, body, content_type=content_type, headers=self.headers))


@pytest.fixture
def machine(owner):
    def make(*actions):
        made = create_api_key(name="Relay", actions=actions, acting_user=owner, now=timezone.now())
        return Machine(Client(), headers={"Authorization": f"Bearer {made.text}"})

    return make


def test_a_machine_with_every_action_reaches_what_is_for_machines_alone(account, machine):
    ids = rows_of(account)
    client = machine(*MACHINE_ACTIONS)
    for endpoint in endpoints():
        status = call(client, endpoint, ids)
        if endpoint.action in MACHINE_ACTIONS:
            assert status < 500, endpoint
            assert status not in (401, 403, 404, 405), endpoint
        else:
            assert status == 403, endpoint


def test_a_machine_lacks_what_its_key_does_not_list(account, other_account, machine):
    ids, rival_ids = rows_of(account), rows_of(other_account)
    client = machine("scoped_budgets.view")
    for endpoint in endpoints():
        if endpoint.action not in MACHINE_ACTIONS:
            continue
        listed = endpoint.action == "scoped_budgets.view"
        assert (call(client, endpoint, ids) == 403) is not listed, endpoint
        if endpoint.names_a_row:
            assert call(client, endpoint, rival_ids) == (404 if listed else 403), endpoint
