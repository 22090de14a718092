"""What lets open pages follow what happens: their place, counts of their own, messages that wait for a person."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.test import Client, override_settings

from budgetsite.accounts.models import Account, User
from budgetsite.live.journal import append, read
from budgetsite.live.place import places
from budgetsite.live.sight import has_sight
from budgetsite.testing.people import sign_in

ANEW = {"Live-Refresh": "1"}


@pytest.fixture
def client(account: Account, owner: User) -> Client:
    return sign_in(owner, account)


def since(client: Client, path: str, **options: Any) -> str | None:
    """Return the place that a page names; None where it names none."""
    found = re.search(r'data-live-since="([^"]*)"', client.get(path, **options).content.decode())
    return found and found[1]


@pytest.mark.parametrize("path", ["/", "/alerts/", "/admin/"])
def test_a_page_names_its_place_and_parts_and_readings_name_none(account: Account, client: Client, path: str) -> None:
    append({account.pk: [{"sight": None}]})

    assert since(client, path) == str(read(account.pk, None).cursor)
    assert since(client, path, headers=ANEW) is None
    if path == "/":
        assert since(client, path, headers={"HX-Request": "true"}) is None


def test_pages_open_at_once_while_valkey_is_away_and_leave_it_alone_for_a_while(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(places.absence, "until", 0.0)
    with override_settings(REDIS_URL="redis://127.0.0.1:1/0"):
        assert since(client, "/") == ""

    assert since(client, "/") == ""
    places.absence.until = 0.0
    assert since(client, "/")


def test_a_reading_leaves_the_messages_to_the_page_that_somebody_opens(client: Client) -> None:
    client.post("/notifications/read")
    words = "Everything was read already."
    read_anew = client.get("/notifications", headers=ANEW).content.decode()
    opened = client.get("/notifications").content.decode()

    assert (words in read_anew, words in opened) == (False, True)


def test_the_counts_have_an_address_of_their_own(account: Account, client: Client, owner: User) -> None:
    answer = client.get("/counters").content.decode()

    assert re.findall('data-counter="([a-z]+)"', answer) == ["approvals", "alerts", "notifications"]
    assert f'data-live-scope="{account.pk}.{owner.pk}"' in answer
    assert "<header" not in answer
    assert Client().get("/counters").status_code == 302


def test_every_topic_that_a_page_waits_for_is_one_that_is_told() -> None:
    sources = "".join(path.read_text() for path in settings.BASE_DIR.glob("**/sights.py") if ".venv" not in path.parts)
    waited_for = set()
    for path in (settings.BASE_DIR / "templates").glob("**/*.html"):
        for words in re.findall(r'(?:{% block live %}|data-live=")([^{"]+[^%"]*?)(?:{% endblock|")', path.read_text()):
            waited_for |= {topic.split(":")[0] for topic in re.sub(r"{{.*?}}", "", words).split()}

    assert {"budgets", "budget", "alerts", "registrations", "company_budgets"} <= waited_for
    untold = {
        topic for topic in waited_for if not (has_sight(topic) or f'"{topic}"' in sources or f'"{topic}:' in sources)
    }
    assert untold == set()
