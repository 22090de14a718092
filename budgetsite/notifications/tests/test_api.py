"""The inbox and the choices over REST: everybody's own."""

from datetime import UTC, datetime

import pytest

from budgetsite.accounts.roles import Role
from budgetsite.notifications.models import Notification, NotificationPreference, NotificationSettings
from budgetsite.notifications.services.bouncing import record_bounce
from budgetsite.notifications.services.telling import Message, tell
from budgetsite.privacy.models import ConsentRecord
from budgetsite.privacy.registry import notification_types
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import rest_client

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)
PREFERENCES = "/notification-preferences"


def say(person, key="a", **different):
    values = {"notification_type": "budget_alerts", "level": "warning", "title": f"Told {key}", "path": "/events"}
    tell([(person.pk, Message(**{**values, "dedup_key": key, **different}))], now=NOW)
    return Notification.objects.get(person=person, dedup_key=key)


@pytest.fixture
def client(account):
    return rest_client(account, Role.STAFF)


def test_ones_own_are_listed_read_and_marked(account, other_account, client, owner):
    mine = [say(client.user, str(number)) for number in range(3)]
    say(owner, "theirs")
    with tenant_scope(other_account.pk):
        say(make_member(other_account, Role.OWNER).user, "rival")

    first = client.get("/notifications", limit=2)
    assert (first.status, len(first.json["results"]), "count" in first.json) == (200, 2, False)
    cursor = first.json["next"].rpartition("cursor=")[2].partition("&")[0]
    rest = client.get("/notifications", limit=2, cursor=cursor.replace("%3D", "="))
    seen = [each["id"] for each in first.json["results"] + rest.json["results"]]
    assert sorted(seen) == sorted(str(each.pk) for each in mine)

    one = client.get(f"/notifications/{mine[0].pk}")
    assert one.json == {
        "id": str(mine[0].pk),
        "notification_type": "budget_alerts",
        "level": "warning",
        "title": "Told 0",
        "text": "",
        "path": "/events",
        "subject_type": "",
        "subject_id": None,
        "is_read": False,
        "read_at": None,
        "created_at": one.json["created_at"],
    }
    marked = client.post(f"/notifications/{mine[0].pk}/read")
    assert (marked.status, marked.json["is_read"]) == (200, True)
    assert client.post(f"/notifications/{mine[0].pk}/read").json["read_at"] == marked.json["read_at"]
    assert len(client.get("/notifications", unread="true").json["results"]) == 2
    assert len(client.get("/notifications", unread="false").json["results"]) == 1
    assert client.post("/notifications/read-all").json == {"marked_count": 2}
    assert client.post("/notifications/read-all").json == {"marked_count": 0}
    assert Notification.objects.filter(read_at=None).count() == 1
    theirs = Notification.objects.get(person=owner)
    assert client.get(f"/notifications/{theirs.pk}").status == 404
    assert client.post(f"/notifications/{theirs.pk}/read").status == 404


def test_choices_are_answered_as_they_are_and_changed_in_part(account, client):
    before = client.get(PREFERENCES).json
    assert {each["notification_type"]: (each["in_inbox"], each["mail"]) for each in before["types"]} == dict.fromkeys(
        notification_types(), (True, "immediate")
    )
    assert {name: before[name] for name in before if name != "types"} == {
        "quiet_from": None, "quiet_until": None, "critical_breaks_quiet": False, "timezone": "America/Toronto",
        "has_own_timezone": False, "digest_time": "08:00", "digest_weekday": "monday", "mail_works": True,
        "mail_refused_at": None, "mail_refused_because": None,
    }  # fmt: skip

    changed = client.patch(
        PREFERENCES,
        {
            "types": [{"notification_type": "approvals", "mail": "never"}],
            "quiet_from": "22:00",
            "quiet_until": "06:30",
            "digest_weekday": "sunday",
        },
    )
    assert changed.status == 200
    expected = dict(before, quiet_from="22:00", quiet_until="06:30", digest_weekday="sunday")
    expected["types"] = [
        dict(each, mail="never") if each["notification_type"] == "approvals" else each for each in before["types"]
    ]
    assert changed.json == expected == client.get(PREFERENCES).json
    again = client.patch(PREFERENCES, {"types": [{"notification_type": "approvals", "in_inbox": False}]})
    kept = {each["notification_type"]: (each["in_inbox"], each["mail"]) for each in again.json["types"]}
    assert kept["approvals"] == (False, "never")
    assert list(ConsentRecord.objects.values_list("granted", "source")) == [(False, "api")]
    # Another person has their own.
    assert rest_client(account, Role.STAFF).get(PREFERENCES).json == before


@pytest.mark.parametrize(
    ("body", "field", "words"),
    [
        ({"types": [{"notification_type": "spam"}]}, "types.0.notification_type", "Known are: account_news, approvals"),
        ({"types": [{"notification_type": "approvals", "mail": "hourly"}]}, "types.0.mail", "hourly"),
        ({"digest_weekday": "someday"}, "digest_weekday", "someday"),
        ({"quiet_from": "late"}, "quiet_from", "hh:mm"),
        ({"quiet_from": "22:00"}, "quiet_until", "Leave both empty"),
        ({"timezone": "Mars/Olympus"}, "timezone", "not a known time zone"),
        ({"mail_works": False}, "mail_works", "Only true"),
    ],
)
def test_a_wrong_choice_is_refused_at_its_field_and_nothing_is_kept(account, client, body, field, words):
    answer = client.patch(PREFERENCES, {"critical_breaks_quiet": True, **body})
    assert answer.status == 400
    (error,) = answer.json["errors"]
    assert error["attr"] == field
    assert words in error["detail"]
    assert not NotificationSettings.objects.exists()
    assert not NotificationPreference.objects.exists()


def test_a_refused_address_is_told_and_trusted_again(account, client):
    record_bounce(person=client.user, reason="550 5.1.1 unknown", now=NOW)
    told = client.get(PREFERENCES).json
    assert (told["mail_works"], told["mail_refused_because"]) == (False, "550 5.1.1 unknown")
    assert client.patch(PREFERENCES, {"mail_works": True}).json["mail_works"] is True


def test_a_type_is_named_once(account, client):
    both = [{"notification_type": "approvals", "mail": "daily"}, {"notification_type": "approvals", "mail": "weekly"}]
    answer = client.patch(PREFERENCES, {"types": both})
    assert answer.status == 400
    assert "approvals" in answer.json["errors"][0]["detail"]
    assert not NotificationPreference.objects.exists()
