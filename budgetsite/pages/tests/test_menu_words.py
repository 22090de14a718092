"""The way to a page of the back office, in the words of its menu."""

import re

import pytest
from django.test import Client
from django.urls import reverse

from budgetsite.accounts.models import Account, User
from budgetsite.testing.people import sign_in


@pytest.fixture
def client(account: Account, owner: User) -> Client:
    return sign_in(owner, account)


def way_to(client: Client, address: str) -> list[str]:
    """Return the words in the heading of a page, without the signs between them."""
    html = client.get(address).content.decode()
    heading = re.search(r"<h1.*?</h1>", html, re.DOTALL)
    assert heading is not None
    without_signs = re.sub(r'<span class="material-symbols.*?</span>', "", heading[0], flags=re.DOTALL)
    return [words.strip() for words in re.findall(r">([^<]+)<", without_signs) if words.strip()]


@pytest.mark.parametrize(
    ("name", "title"),
    [
        ("accounts_membership", "People"),
        ("budgets_ledgerentry", "Ledger"),
        ("alerts_budgetalert", "Alerts"),
        ("events_event", "Events"),
    ],
)
def test_a_list_is_called_what_the_menu_calls_it(client: Client, name: str, title: str) -> None:
    assert way_to(client, reverse(f"admin:{name}_changelist"))[:1] == [title]


def test_one_of_a_list_stands_after_the_list(client: Client, account: Account) -> None:
    address = reverse("admin:accounts_account_change", args=[account.pk])

    assert way_to(client, address) == ["Settings", account.name]
