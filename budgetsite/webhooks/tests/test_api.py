import json
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budgetsite.accounts.roles import Role
from budgetsite.outbox.models import OutboxEvent
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import rest_client
from budgetsite.webhooks.api import DeliveryAnswer, WebhookAnswer
from budgetsite.webhooks.catalogue import published_kinds
from budgetsite.webhooks.models import WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret
from budgetsite.webhooks.services import endpoint as endpoints
from budgetsite.webhooks.services.fanout import receive

URL = "https://example.org/hooks"


@pytest.fixture
def client(account):
    return rest_client(account, Role.MANAGER)


@pytest.fixture
def webhook(client):
    return client.post("/webhooks", {"url": URL, "description": "Bookkeeping", "kinds": ["budget.*"]}).json


def deliver(number=1, **values):
    """Make deliveries to the account's webhook, each with two attempts."""
    endpoint = WebhookEndpoint.objects.get()
    for _ in range(number):
        delivery = WebhookDelivery.objects.create(
            endpoint=endpoint, event_id=uuid4(), kind="budget.approved",
            body="{}", attempts=2, **values,
        )  # fmt: skip
        for problem in ("timed_out", ""):
            WebhookAttempt.objects.create(
                delivery=delivery,
                started_at=timezone.now(),
                duration_ms=7,
                status_code=None if problem else 500,
                problem=problem,
                answer="" if problem else "No",
            )
    return delivery


def test_a_webhook_is_made_with_a_secret_that_is_answered_once(client, account):
    made = client.post("/webhooks", {"url": URL, "description": " Book  keeping ", "kinds": ["budget.*"]})
    assert made.status == 201
    assert made.headers["Cache-Control"] == "no-store"
    assert made.json["secret"] == WebhookSecret.objects.get().text
    assert len(made.json["secret"]) == len("whsec_") + 44
    read = client.get(f"/webhooks/{made.json['id']}")
    assert read.json.keys() == WebhookAnswer().fields.keys()
    assert read.json | {"id": "", "created_at": "", "updated_at": ""} == {
        "id": "", "url": URL, "description": "Book keeping", "kinds": ["budget.*"], "is_paused": False,
        "paused_at": None, "pause_reason": None, "failing_since": None, "last_delivered_at": None, "waiting_count": 0,
        "given_up_count": 0, "created_at": "", "updated_at": "",
    }  # fmt: skip
    assert client.get("/webhooks").json["results"] == [read.json]


def test_a_repeated_request_makes_one_webhook_and_does_not_tell_the_secret_again(client, account):
    first, again = (client.post("/webhooks", {"url": URL}, Idempotency_Key="one") for _ in range(2))
    assert (first.status, again.status) == (201, 201)
    assert first.json["id"] == again.json["id"]
    assert (first.json["secret"] is None, again.json["secret"]) == (False, None)


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "url", "required"),
        ({"url": "http://example.org/"}, "url", "invalid_url"),
        ({"url": "https://10.0.0.1/"}, "url", "invalid_url"),
        ({"url": "https://[::ffff:169.254.169.254]/"}, "url", "invalid_url"),
        ({"url": URL, "kinds": ["budget.eaten", "budget.approved"]}, "kinds", "unknown_kind"),
        ({"url": URL, "kinds": ["*"]}, "kinds", "unknown_kind"),
        ({"url": URL, "kinds": "budget.*"}, "kinds", "not_a_list"),
        ({"url": URL, "description": "x" * 201}, "description", "max_length"),
    ],
)
def test_what_cannot_be_a_webhook_is_refused_at_its_field(client, account, body, field, code):
    answer = client.post("/webhooks", body)
    assert (answer.status, answer.fields) == (400, {field: code})
    assert not WebhookEndpoint.objects.exists()


def test_an_account_has_so_many_webhooks_and_no_more(client, account, monkeypatch):
    monkeypatch.setattr(endpoints, "MOST_ENDPOINTS", 1)
    assert client.post("/webhooks", {"url": URL}).status == 201
    refused = client.post("/webhooks", {"url": URL})
    assert (refused.status, refused.codes) == (409, ["too_many_webhooks"])
    assert WebhookEndpoint.objects.count() == 1


def test_it_is_changed_paused_and_resumed_and_the_history_says_by_whom(client, webhook):
    path = f"/webhooks/{webhook['id']}"
    changed = client.patch(path, {"kinds": ["expense.paid"], "is_paused": True})
    assert (changed.status, changed.json["kinds"], changed.json["pause_reason"]) == (200, ["expense.paid"], "by_hand")
    assert client.patch(path, {"url": "https://localhost/"}).fields == {"url": "invalid_url"}
    assert client.post(f"{path}/test").codes == ["webhook_paused"]
    assert client.patch(path, {"is_paused": False}).json["paused_at"] is None
    history = WebhookEndpoint.history.order_by("history_id")
    assert [version.history_user_id for version in history] == [client.user.pk] * 3
    assert [version.pause_reason for version in history] == ["", "by_hand", ""]


def test_a_rotation_answers_the_new_secret_and_until_when_the_old_one_signs(client, webhook):
    rotated = client.post(f"/webhooks/{webhook['id']}/rotate", {"overlap_hours": 1})
    assert rotated.status == 200
    assert rotated.json["secret"] not in (None, webhook["secret"])
    assert rotated.json["previous_secret_until"] is not None
    at_once = client.post(f"/webhooks/{webhook['id']}/rotate", {"overlap_hours": 0})
    assert at_once.json["previous_secret_until"] is None
    assert client.post(f"/webhooks/{webhook['id']}/rotate").json["previous_secret_until"] is not None
    assert client.post(f"/webhooks/{webhook['id']}/rotate", {"overlap_hours": 169}).status == 400
    assert WebhookSecret.objects.exclude(text="").count() == 2


def test_a_deleted_webhook_is_gone(client, webhook):
    assert client.delete(f"/webhooks/{webhook['id']}").status == 204
    assert client.get(f"/webhooks/{webhook['id']}").status == 404
    assert client.get(f"/webhooks/{webhook['id']}/deliveries").status == 404
    assert client.delete(f"/webhooks/{webhook['id']}").status == 404


def test_a_test_is_queued_and_seen_among_the_deliveries(client, webhook):
    sent = client.post(f"/webhooks/{webhook['id']}/test")
    assert (sent.status, sent.json["kind"], sent.json["status"]) == (202, "webhook.test", "waiting")
    (listed,) = client.get(f"/webhooks/{webhook['id']}/deliveries").json["results"]
    assert listed == sent.json
    assert json.loads(listed["body"])["type"] == "webhook.test"


def test_deliveries_tell_each_attempt_and_are_sent_again_on_request(client, webhook):
    delivery = deliver(status="failed")
    path = f"/webhooks/{webhook['id']}/deliveries"
    read = client.get(f"{path}/{delivery.pk}").json
    assert read.keys() == DeliveryAnswer().fields.keys()
    assert [(line["status_code"], line["problem"], line["answer"]) for line in read["log"]] == [
        (None, "timed_out", ""),
        (500, "", "No"),
    ]
    assert (read["status"], read["next_attempt_at"]) == ("failed", None)
    assert client.get(path, status="delivered").json["results"] == []
    again = client.post(f"{path}/{delivery.pk}/redeliver")
    assert (again.status, again.json["status"], again.json["attempts"]) == (202, "waiting", 0)
    assert client.get(f"/webhooks/{webhook['id']}").json["waiting_count"] == 1


def test_the_deliveries_of_another_webhook_of_the_account_are_not_found(client, webhook):
    delivery = deliver()
    other = client.post("/webhooks", {"url": URL}).json["id"]
    for call in (client.get, lambda path: client.post(f"{path}/redeliver")):
        assert call(f"/webhooks/{other}/deliveries/{delivery.pk}").status == 404


def test_lists_cost_the_same_whatever_their_length(client, webhook):
    def cost(path):
        with CaptureQueriesContext(connection) as queries:
            assert client.get(path).status == 200
        return len(queries)

    path = f"/webhooks/{webhook['id']}/deliveries"
    deliver()
    few = cost("/webhooks"), cost(path)
    deliver(4)
    for _ in range(3):
        client.post("/webhooks", {"url": URL})
    assert (cost("/webhooks"), cost(path)) == few


def test_every_kind_that_is_told_is_described(client):
    kinds = client.get("/webhooks/event-kinds", limit=100).json
    assert kinds["count"] == len(published_kinds()) == len(kinds["results"])
    described = {each["kind"]: each for each in kinds["results"]}
    assert described["budget.approved"]["happened"] == "A plan was approved and is in force."
    assert described["budget.approved"]["data_schema"]["properties"]["revision"] == {"type": "integer"}
    assert "author" not in described["comment.added"]["data_schema"]["properties"]


def test_handing_on_a_batch_costs_two_statements_and_one_without_webhooks(account, client):
    events = [OutboxEvent(kind="budget.approved", subject_id=account.pk, created_at=timezone.now(), position=place)
              for place in range(20)]  # fmt: skip

    def cost():
        # PostgreSQL is told the account before the first statement.
        assert WebhookEndpoint.objects.count() in (0, 2)
        with CaptureQueriesContext(connection) as queries:
            receive(events)
        return len(queries)

    assert cost() == 1
    client.post("/webhooks", {"url": URL})
    client.post("/webhooks", {"url": URL})
    assert cost() == 2
    assert WebhookDelivery.objects.count() == 40


@pytest.mark.parametrize("role", [Role.STAFF, Role.ORGANIZER, Role.CLIENT, Role.ATTENDEE])
def test_only_owners_and_managers_see_webhooks(account, role):
    make_member(account, role)
    assert rest_client(account, role).get("/webhooks").status == 403
