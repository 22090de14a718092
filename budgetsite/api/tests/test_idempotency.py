"""`Idempotency-Key`: once is once, also when both come at the same moment."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from django.db import connection, connections, transaction
from django.utils import timezone

from budgets.models import BudgetLineItem, Category, EventBudget, LedgerEntry
from budgetsite.accounts.roles import Role
from budgetsite.api.models import KeptAnswer
from budgetsite.api.tasks import prune_kept_answers
from budgetsite.testing.budgets import make_budget
from budgetsite.testing.rest import RestClient, rest_client, rest_client_of

FIREWORKS = {"name": "Fireworks", "sort_order": 7}


@pytest.fixture
def rest(account, owner) -> RestClient:
    return rest_client_of(owner, account)


def test_the_same_request_twice_happens_once(rest):
    first = rest.post("/categories", FIREWORKS, Idempotency_Key="one")
    second = rest.post("/categories/", dict(reversed(FIREWORKS.items())), Idempotency_Key="one")
    assert (first.status, second.status) == (201, 201)
    assert second.json == first.json
    assert second.headers["Idempotent-Replay"] == "true"
    assert "Idempotent-Replay" not in first.headers
    assert Category.objects.filter(name="Fireworks").count() == 1


def test_the_answer_stays_the_first_one_whatever_happened_since(rest, account, owner):
    budget = make_budget(account, owner)
    line = {"category": "Venue", "name": "Hall", "budgeted_amount": "10", "actual_amount": "5"}
    path = f"/event-budgets/{budget.pk}/line-items"
    first = rest.post(path, line, Idempotency_Key="hall")
    rest.patch(f"{path}/{first.json['id']}", {"version": first.json["version"], "name": "Tent"})
    second = rest.post(path, line, Idempotency_Key="hall")
    assert (second.json, second.headers["ETag"]) == (first.json, '"2"')
    assert (BudgetLineItem.objects.count(), LedgerEntry.objects.count()) == (1, 1)


def test_another_body_is_a_409_and_changes_nothing(rest):
    rest.post("/categories", FIREWORKS, Idempotency_Key="one")
    answer = rest.post("/categories", {"name": "Confetti"}, Idempotency_Key="one")
    assert (answer.status, answer.codes) == (409, ["idempotency_mismatch"])
    assert not Category.objects.filter(name="Confetti").exists()


def test_a_key_belongs_to_its_person_and_its_address(rest, account, owner):
    budget = make_budget(account, owner)
    assert rest.post("/categories", FIREWORKS, Idempotency_Key="one").status == 201
    assert rest_client(account, Role.OWNER).post("/categories", FIREWORKS, Idempotency_Key="one").codes == [
        "category_exists"
    ]
    moved = rest.post(f"/event-budgets/{budget.pk}/submit", {"version": 1}, Idempotency_Key="one")
    assert moved.json["status"] == "review"
    again = rest.post(f"/event-budgets/{budget.pk}/submit", {"version": 1}, Idempotency_Key="one")
    assert (again.status, again.json) == (200, moved.json)


def test_what_is_kept_is_a_ciphertext(rest):
    rest.post("/categories", FIREWORKS, Idempotency_Key="one")
    with connection.cursor() as cursor:
        cursor.execute("SELECT body FROM api_keptanswer")
        [(body,)] = cursor.fetchall()
    assert body.startswith("tests:")
    assert "Fireworks" not in body
    assert "Fireworks" in KeptAnswer.objects.get().body


def test_what_was_refused_is_not_kept(rest):
    assert rest.post("/categories", {"name": "Venue"}, Idempotency_Key="one").codes == ["category_exists"]
    assert rest.post("/categories", {}, Idempotency_Key="one").status == 400
    assert not KeptAnswer.objects.exists()
    assert rest.post("/categories", FIREWORKS, Idempotency_Key="one").status == 201


@pytest.mark.parametrize("key", ["", " ", "x" * 201, "a\tb"])
def test_a_key_that_can_not_be_is_a_400(rest, key):
    answer = rest.post("/categories", FIREWORKS, Idempotency_Key=key)
    assert (answer.status, answer.fields) == (400, {"Idempotency-Key": "invalid"})
    assert not Category.objects.filter(name="Fireworks").exists()


def test_a_key_of_someone_without_the_right_is_refused_first(account):
    assert rest_client(account, Role.STAFF).post("/categories", FIREWORKS, Idempotency_Key="one").status == 403
    assert not KeptAnswer.objects.exists()


def test_other_methods_take_no_notice(rest):
    path = f"/categories/{rest.post('/categories', FIREWORKS).json['id']}"
    for name in ("A", "B"):
        assert rest.patch(path, {"name": name}, Idempotency_Key="one").json["name"] == name


@pytest.mark.parametrize("with_key", [True, False])
def test_many_at_once_make_one_line(committed_db, account, owner, with_key):
    """Without the key each of them makes one: that is the race which the key decides."""
    with transaction.atomic():
        budget = make_budget(account, owner)
    clients = [rest_client_of(owner, account) for _ in range(6)]
    headers = {"Idempotency_Key": "race"} if with_key else {}
    start = Barrier(len(clients))

    def call(client: RestClient):
        try:
            start.wait()
            return client.post(
                f"/event-budgets/{budget.pk}/line-items",
                {"category": "Venue", "name": "Hall", "budgeted_amount": "10"},
                **headers,
            )
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(clients)) as pool:
        answers = list(pool.map(call, clients))
    assert [answer.status for answer in answers] == [201] * 6
    made = len({answer.json["id"] for answer in answers})
    assert made == (1 if with_key else 6)
    with transaction.atomic():
        assert BudgetLineItem.objects.count() == made
        assert EventBudget.objects.get().version == 1 + made


def test_answers_are_kept_for_two_days(committed_db, account, owner):
    rest = rest_client_of(owner, account)
    rest.post("/categories", FIREWORKS, Idempotency_Key="old")
    rest.post("/categories", {"name": "Confetti"}, Idempotency_Key="young")
    with transaction.atomic():
        KeptAnswer.objects.filter(key="old").update(created_at=timezone.now() - timedelta(hours=48, seconds=1))
    assert prune_kept_answers() == 1
    with transaction.atomic():
        assert list(KeptAnswer.objects.values_list("key", flat=True)) == ["young"]


def test_another_tenants_answers_are_out_of_sight(account, other_account, owner):
    rest_client_of(owner, account).post("/categories", FIREWORKS, Idempotency_Key="one")
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('app.tenant_id', %s, true)", [str(other_account.pk)])
        cursor.execute("SELECT count(*) FROM api_keptanswer")
        assert cursor.fetchone() == (0,)
