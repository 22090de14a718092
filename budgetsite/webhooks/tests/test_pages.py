import pytest
from django.urls import reverse
from django.utils import timezone

from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member, sign_in
from budgetsite.webhooks.models import PauseReason, WebhookAttempt, WebhookDelivery, WebhookEndpoint, WebhookSecret
from budgetsite.webhooks.services.delivery import send_test
from budgetsite.webhooks.services.endpoint import create_endpoint

URL = "https://example.org/hooks"


@pytest.fixture
def client(account, owner):
    return sign_in(owner, account)


@pytest.fixture
def webhook(account, owner):
    return create_endpoint(
        acting_user=owner, url=URL, description="Bookkeeping <b>", kinds=["budget.approved"]
    ).endpoint


def page(client, name, *args, **data):
    path = reverse(f"webhooks:{name}", args=args)
    return client.post(path, data) if data else client.get(path)


def test_a_webhook_is_made_and_its_secret_shown_once(client, account):
    assert "No webhooks yet" in page(client, "all").content.decode()
    made = page(client, "create", url=URL, description="Bookkeeping", reach="some", kinds=["budget.*"])
    secret = WebhookSecret.objects.get().text
    assert (made.status_code, made.headers["Cache-Control"]) == (
        201, "max-age=0, no-cache, no-store, must-revalidate, private",
    )  # fmt: skip
    assert secret in made.content.decode()
    endpoint = WebhookEndpoint.objects.get()
    assert (endpoint.url, endpoint.kinds) == (URL, ["budget.*"])
    for name, args in (("all", []), ("one", [endpoint.pk]), ("edit", [endpoint.pk])):
        answer = page(client, name, *args)
        assert answer.status_code == 200
        assert secret not in answer.content.decode()


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"url": "http://example.org/"}, "Use https"),
        ({"url": "https://192.168.1.1/"}, "not on the public internet"),
        ({"url": ""}, "Where to? Give an address that begins with https"),
        ({"url": URL, "reach": "some"}, "Choose what it is told of"),
        ({"url": URL, "reach": "some", "kinds": ["people.*"]}, "people.*"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_nothing_is_made(client, account, values, said):
    answer = page(client, "create", **{"description": "", "reach": "all", **values})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert not WebhookEndpoint.objects.exists()


def test_a_single_kind_stays_chosen_until_it_is_unticked(client, webhook):
    answer = page(client, "edit", webhook.pk).content.decode()
    assert "A plan was approved and is in force. (budget.approved)" in answer
    saved = page(client, "edit", webhook.pk, url=URL, description="Books", reach="some", kinds=["budget.approved"])
    assert saved.status_code == 302
    webhook.refresh_from_db()
    assert (webhook.kinds, webhook.description) == (["budget.approved"], "Books")
    page(client, "edit", webhook.pk, url=URL, reach="all", kinds=["budget.approved"])
    webhook.refresh_from_db()
    assert webhook.kinds == []


def test_a_webhook_that_was_paused_says_why_and_what_next_and_is_resumed(client, webhook):
    WebhookEndpoint.objects.update(paused_at=timezone.now(), pause_reason=PauseReason.FAILING)
    assert "It failed for days, and was paused" in page(client, "all").content.decode()
    shown = page(client, "one", webhook.pk).content.decode()
    assert "resume it once the receiver is well" in shown
    assert "Send a test" not in shown
    tried = client.post(reverse("webhooks:test", args=[webhook.pk]), follow=True)
    assert "Resume it first" in tried.content.decode()
    page(client, "pause", webhook.pk, paused="0")
    webhook.refresh_from_db()
    assert not webhook.is_paused
    page(client, "pause", webhook.pk, paused="1")
    webhook.refresh_from_db()
    assert webhook.pause_reason == "by_hand"


def test_deliveries_tell_what_came_of_them_and_are_sent_again(client, webhook, owner):
    delivery = send_test(endpoint_id=webhook.pk, acting_user=owner, now=timezone.now())
    WebhookDelivery.objects.update(status="failed", attempts=1)
    answer = "<script>alert(1)</script>"
    for attempt in ({"status_code": 500, "answer": answer}, {"problem": "address_refused"}):
        WebhookAttempt.objects.create(delivery=delivery, started_at=timezone.now(), duration_ms=7, **attempt)
    shown = page(client, "one", webhook.pk).content.decode()
    assert "answered 500" in " ".join(shown.split())
    assert "an address that is not on the public internet" in shown
    assert answer not in shown
    assert "&lt;script&gt;" in shown
    assert 'data-live="webhooks"' in shown
    sent = client.post(reverse("webhooks:redeliver", args=[webhook.pk, delivery.pk]))
    assert sent.status_code == 302
    delivery.refresh_from_db()
    assert (delivery.status, delivery.attempts) == ("waiting", 0)


def test_a_new_secret_is_shown_once_and_a_deleted_webhook_is_gone(client, webhook):
    before = WebhookSecret.objects.get().text
    rotated = page(client, "rotate", webhook.pk, overlap="1")
    newest = WebhookSecret.objects.get(expires_at=None).text
    assert newest in rotated.content.decode()
    assert before not in rotated.content.decode()
    assert "Two sign already" in page(client, "rotate", webhook.pk).content.decode()
    assert "Its secret is erased" in page(client, "delete", webhook.pk).content.decode()
    client.post(reverse("webhooks:delete", args=[webhook.pk]))
    assert page(client, "one", webhook.pk).status_code == 404


def test_what_is_told_is_listed(client):
    shown = page(client, "kinds").content.decode()
    assert "A plan was approved and is in force." in shown
    assert "awaiting_role" in shown


@pytest.mark.parametrize("role", Role)
def test_only_owners_and_managers_reach_the_pages(account, webhook, role):
    client = sign_in(make_member(account, role).user, account)
    expected = 200 if role in (Role.OWNER, Role.MANAGER) else 403
    for name, args in (("all", []), ("create", []), ("one", [webhook.pk]), ("rotate", [webhook.pk])):
        assert page(client, name, *args).status_code == expected


def test_a_strangers_webhook_is_not_there(client, account, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        theirs = create_endpoint(acting_user=rival, url="https://rival.example/").endpoint
    assert "rival.example" not in page(client, "all").content.decode()
    for name in ("one", "edit", "rotate", "delete"):
        assert page(client, name, theirs.pk).status_code == 404
    for name in ("pause", "test"):
        assert client.post(reverse(f"webhooks:{name}", args=[theirs.pk])).status_code == 404
