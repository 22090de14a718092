"""`/events` and `/venues`."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone

from budgets.models import BudgetLineItem, EventBudget
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import RestClient, rest_client, rest_client_of
from events.api.event import EventAnswer
from events.models import Event, Venue

GALA = {
    "name": "Summer gala",
    "description": "By the lake",
    "event_type": "CORPORATE",
    "event_date": "2026-07-15T18:00:00-04:00",
    "registration_start_date": "2026-06-01T00:00:00Z",
    "registration_end_date": "2026-07-10T23:59:59Z",
}


@pytest.fixture
def rest(account, owner) -> RestClient:
    return rest_client_of(owner, account)


@pytest.fixture
def rival_event(other_account):
    with tenant_scope(other_account.pk):
        stranger = make_member(other_account, Role.OWNER).user
        return make_budget(other_account, stranger, total="777").event


def test_an_event_is_made_with_its_budget(rest, owner):
    answer = rest.post("/events", {**GALA, "event_budget_amount": "50000"})
    assert answer.status == 201
    event = answer.json
    assert set(event) == set(EventAnswer().fields)
    assert {name: event[name] for name in ("name", "event_type", "currency", "timezone", "pending_holds")} == {
        "name": "Summer gala",
        "event_type": "CORPORATE",
        "currency": "CAD",
        "timezone": "America/Toronto",
        "pending_holds": True,
    }
    assert (event["event_budget_amount"], event["budget_committed"], event["budget_available"]) == (
        "50000.00",
        "0.00",
        "50000.00",
    )
    assert (event["event_date"], event["options"], event["is_active"]) == ("2026-07-15T22:00:00Z", [], True)
    assert event["organizer_id"] == str(owner.pk)
    assert event["budget_id"] == str(EventBudget.objects.get().pk)
    assert rest.get(f"/events/{event['id']}").json == event


def test_an_event_without_an_amount_has_no_budget(rest):
    for body in (GALA, {**GALA, "event_budget_amount": None}):
        event = rest.post("/events", body).json
        assert (event["budget_id"], event["event_budget_amount"], event["budget_available"]) == (None, None, None)
    assert not EventBudget.objects.exists()


def test_figures_are_the_budgets(rest, account, owner):
    budget = make_budget(account, owner, total="1000")
    make_line(budget, owner, actual_amount="250.25")
    event = rest.get(f"/events/{budget.event_id}").json
    assert (event["budget_actual"], event["budget_available"]) == ("250.25", "749.75")


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"name": ""}, {"name": "blank"}),
        ({"event_type": "PARTY"}, {"event_type": "invalid_choice"}),
        ({"event_date": "soon"}, {"event_date": "invalid"}),
        ({"event_date": None}, {"event_date": "null"}),
        (
            {"event_date": "0001-01-01T05:00:00+09:00", "timezone": "Asia/Tokyo"},
            {"event_date": "overflow"},
        ),
        ({"event_date": "1800-01-01T00:00:00Z"}, {"event_date": "out_of_range"}),
        ({"event_date": "9999-12-31T23:59:59-12:00"}, {"event_date": "overflow"}),
        ({"currency": "XXX"}, {"currency": "unknown_currency"}),
        ({"currency": "DOLLAR"}, {"currency": "max_length"}),
        ({"currency": 7}, {"currency": "unknown_currency"}),
        ({"timezone": "Moon/Crater"}, {"timezone": "unknown_timezone"}),
        ({"timezone": "../../etc/passwd"}, {"timezone": "unknown_timezone"}),
        ({"event_budget_amount": "-1"}, {"event_budget_amount": "below_minimum"}),
        ({"event_budget_amount": "1.5", "currency": "JPY"}, {"event_budget_amount": "too_many_decimals"}),
        ({"registration_end_date": "2026-05-31T00:00:00Z"}, {"registration_end_date": "window_reversed"}),
        ({"venue_id": "17"}, {"venue_id": "invalid"}),
        ({"venue_id": str(uuid4())}, {"venue_id": "does_not_exist"}),
        ({"client_id": str(uuid4())}, {"client_id": "not_a_member"}),
        ({"pending_holds": "perhaps"}, {"pending_holds": "invalid"}),
    ],
)
def test_a_wrong_value_is_a_field_error_and_stores_nothing(rest, change, fields):
    answer = rest.post("/events", {"event_budget_amount": "10", **GALA, **change})
    assert (answer.status, answer.fields) == (400, fields)
    assert not Event.objects.exists()
    assert not EventBudget.objects.exists()


def test_all_that_is_missing_is_named(rest):
    answer = rest.post("/events", {})
    assert answer.status == 400
    assert answer.fields == dict.fromkeys(
        ("name", "event_date", "registration_start_date", "registration_end_date"), "required"
    )


def test_a_moment_without_zone_is_meant_where_the_event_is(rest):
    event = rest.post("/events", {**GALA, "event_date": "2026-07-15T10:00", "timezone": "Europe/Madrid"}).json
    assert event["event_date"] == "2026-07-15T08:00:00Z"


def test_the_client_has_to_be_one(rest, account, staff):
    answer = rest.post("/events", {**GALA, "client_id": str(staff.pk)})
    assert answer.fields == {"client_id": "not_a_client"}
    client = make_member(account, Role.CLIENT).user
    assert rest.post("/events", {**GALA, "client_id": str(client.pk)}).json["client_id"] == str(client.pk)


def test_another_tenants_venue_and_people_are_not_there(rest, other_account):
    with tenant_scope(other_account.pk):
        venue = Venue.objects.create(name="Rival hall")
        stranger = make_member(other_account, Role.CLIENT).user
    assert rest.post("/events", {**GALA, "venue_id": str(venue.pk)}).fields == {"venue_id": "does_not_exist"}
    assert rest.post("/events", {**GALA, "client_id": str(stranger.pk)}).fields == {"client_id": "not_a_member"}


def test_put_and_patch_change_an_event(rest):
    event = rest.post("/events", {**GALA, "event_budget_amount": "100"}).json
    path = f"/events/{event['id']}"
    assert rest.put(path, {"name": "Gala"}).status == 400
    replaced = rest.put(path, {**GALA, "name": "Gala", "event_budget_amount": "150"}).json
    assert (replaced["name"], replaced["event_budget_amount"]) == ("Gala", "150.00")
    patched = rest.patch(path, {"event_type": "WEDDING"}).json
    assert (patched["event_type"], patched["name"], patched["event_budget_amount"]) == ("WEDDING", "Gala", "150.00")
    assert EventBudget.objects.get().version == 2


def test_what_was_read_can_be_sent_back(rest):
    event = rest.post("/events", {**GALA, "event_budget_amount": "100"}).json
    answer = rest.put(f"/events/{event['id']}", event)
    assert (answer.status, {**answer.json, "updated_at": None}) == (200, {**event, "updated_at": None})
    assert EventBudget.objects.get().version == 1


def test_an_amount_given_later_opens_the_budget(rest):
    event = rest.post("/events", GALA).json
    answer = rest.patch(f"/events/{event['id']}", {"event_budget_amount": "75"})
    assert answer.json["event_budget_amount"] == "75.00"
    assert EventBudget.objects.get().event_id.hex == event["id"].replace("-", "")


def test_the_currency_of_an_event_with_a_budget_is_fixed(rest):
    event = rest.post("/events", {**GALA, "event_budget_amount": "100"}).json
    answer = rest.patch(f"/events/{event['id']}", {"currency": "EUR", "name": "Gala"})
    assert (answer.status, answer.codes) == (409, ["currency_fixed"])
    assert Event.objects.get().name == "Summer gala"
    without = rest.post("/events", GALA).json
    assert rest.patch(f"/events/{without['id']}", {"currency": "eur"}).json["currency"] == "EUR"


def test_an_amount_below_the_lines_is_refused(rest, account, owner):
    budget = make_budget(account, owner, total="1000")
    make_line(budget, owner, budgeted_amount="900")
    answer = rest.patch(f"/events/{budget.event_id}", {"event_budget_amount": "899"})
    assert (answer.status, answer.fields) == (400, {"event_budget_amount": "lines_exceed_total"})


def test_deleting_and_restoring_take_the_budget_along(rest, account, owner):
    budget = make_budget(account, owner)
    make_line(budget, owner)
    path = f"/events/{budget.event_id}"
    assert rest.delete(path).status == 204
    assert [rest.get(path).status, rest.delete(path).status, rest.patch(path, {"name": "X"}).status] == [404] * 3
    assert rest.get(f"/event-budgets/{budget.pk}").status == 404
    restored = rest.post(f"{path}/restore")
    assert (restored.status, restored.json["is_active"], restored.json["budget_id"]) == (200, True, str(budget.pk))
    assert BudgetLineItem.objects.count() == 1
    assert rest.post(f"{path}/restore").status == 200


def test_an_event_with_closed_books_stays(rest, account, owner, manager):
    budget = make_budget(account, owner)
    make_line(budget, owner, budgeted_amount="10000", actual_amount="10000")
    for action, user in (("submit", owner), ("approve", manager), ("activate", owner), ("finalize", owner)):
        move(budget, action, user=user, role=Role.OWNER, account=account)
    answer = rest.delete(f"/events/{budget.event_id}")
    assert (answer.status, answer.codes, len(answer.json["reasons"])) == (409, ["event_stays"], 1)
    assert Event.objects.filter(pk=budget.event_id).exists()


def test_the_list_is_newest_first_and_filters(rest, account, owner):
    venue = Venue.objects.create(name="Town hall")
    now = timezone.now()

    def event(name: str, days: int, **fields) -> Event:
        date = now + timedelta(days=days)
        window = {
            "registration_start_date": date - timedelta(days=10),
            "registration_end_date": date - timedelta(days=2),
        }
        return make_event(account, owner, name=name, event_date=date, **{**window, **fields})

    event("Past", -5)
    event("Closed", 1)
    event("Open", 5, venue=venue, event_type="WEDDING")
    event("Ahead", 40)

    def names(**query):
        return [row["name"] for row in rest.get("/events", **query).json["results"]]

    assert names() == ["Ahead", "Open", "Closed", "Past"]
    assert names(ordering="name") == ["Ahead", "Closed", "Open", "Past"]
    assert names(venue=str(venue.pk)) == ["Open"]
    assert names(event_type="WEDDING") == ["Open"]
    assert names(search="clos") == ["Closed"]
    for status, name in (
        ("past", "Past"),
        ("registration_closed", "Closed"),
        ("registration_open", "Open"),
        ("upcoming", "Ahead"),
    ):
        assert names(status=status) == [name]
        assert [row["status"] for row in rest.get("/events", search=name).json["results"]] == [status]
    assert names(date_from=(now + timedelta(days=3)).isoformat()) == ["Ahead", "Open"]
    assert names(date_to=(now + timedelta(days=3)).date().isoformat()) == ["Closed", "Past"]
    for query in ({"status": "lost"}, {"event_type": "PARTY"}, {"venue": "x"}, {"date_from": "x"}, {"is_active": "x"}):
        assert rest.get("/events", **query).fields.keys() == query.keys()


def test_a_date_means_its_whole_day(rest, account, owner):
    make_event(account, owner, event_date=datetime(2026, 7, 15, 23, 30, tzinfo=UTC))
    assert rest.get("/events", date_from="2026-07-15", date_to="2026-07-15").json["count"] == 1
    assert rest.get("/events", date_to="2026-07-14").json["count"] == 0
    assert rest.get("/events", date_from="2026-07-16").json["count"] == 0


def test_deleted_events_are_listed_for_those_who_can_restore_them(rest, account, owner):
    event = make_event(account, owner)
    make_event(account, owner, name="Live")
    rest.delete(f"/events/{event.pk}")
    assert [row["name"] for row in rest.get("/events").json["results"]] == ["Live"]
    deleted = rest.get("/events", is_active="false").json["results"]
    assert [(row["id"], row["is_active"]) for row in deleted] == [(str(event.pk), False)]
    attendee = rest_client(account, Role.ATTENDEE)
    assert attendee.get("/events", is_active="false").json["count"] == 0
    assert attendee.post(f"/events/{event.pk}/restore").status == 403


def test_people_see_their_own_events_and_attendees_no_money(account, owner):
    organizer, client = make_member(account, Role.ORGANIZER).user, make_member(account, Role.CLIENT).user
    own = make_budget(account, owner, event=make_event(account, owner, organizer=organizer, client=client)).event
    other = make_budget(account, owner).event
    for user in (organizer, client):
        rest = rest_client_of(user, account)
        assert [event["id"] for event in rest.get("/events").json["results"]] == [str(own.pk)]
        assert rest.get(f"/events/{other.pk}").status == 404
    attendee = rest_client(account, Role.ATTENDEE)
    assert attendee.get("/events").json["count"] == 2
    event = attendee.get(f"/events/{own.pk}").json
    assert [event[name] for name in ("budget_id", "event_budget_amount", "budget_committed", "budget_available")] == [
        None
    ] * 4
    assert attendee.post("/events", GALA).status == 403


def test_another_tenants_event_is_not_there(rest, other_account, rival_event):
    path = f"/events/{rival_event.pk}"
    calls = [
        rest.get(path),
        rest.put(path, GALA),
        rest.patch(path, {"name": "Mine"}),
        rest.delete(path),
        rest.post(f"{path}/restore"),
    ]
    assert [answer.status for answer in calls] == [404] * 5
    assert rest.get("/events").json["count"] == 0
    assert rest.get("/events", is_active="false").json["count"] == 0
    with tenant_scope(other_account.pk):
        assert Event.objects.get(pk=rival_event.pk).name == "Summer gala"


def test_a_list_of_events_costs_the_same_for_any_length(rest, account, owner, django_assert_max_num_queries):
    counts = []
    for events in (1, 2):
        for _ in range(events):
            make_budget(account, owner)
        with django_assert_max_num_queries(12) as asked:
            rest.get("/events")
        counts.append(len(asked.captured_queries))
    assert counts[0] == counts[1]


def test_venues_are_kept(rest, account, owner):
    made = rest.post(
        "/venues", {"name": "Town hall", "city": "Toronto", "capacity": 200, "timezone": "America/Toronto"}
    )
    assert (made.status, made.json["capacity"]) == (201, 200)
    path = f"/venues/{made.json['id']}"
    assert rest.patch(path, {"capacity": None}).json["capacity"] is None
    assert rest.put(path, {"city": "Ottawa"}).fields == {"name": "required"}
    assert rest.put(path, {"name": "City hall", "capacity": 10}).json["name"] == "City hall"
    assert [venue["name"] for venue in rest.get("/venues", search="city").json["results"]] == ["City hall"]
    for change, fields in (
        ({"name": ""}, {"name": "blank"}),
        ({"capacity": -1}, {"capacity": "min_value"}),
        ({"timezone": "Moon/Crater"}, {"timezone": "unknown_timezone"}),
    ):
        assert rest.patch(path, change).fields == fields
    event = make_event(account, owner, venue=Venue.objects.get())
    refused = rest.delete(path)
    assert (refused.status, refused.codes, refused.json["events"]) == (409, ["venue_in_use"], 1)
    rest.patch(f"/events/{event.pk}", {"venue_id": None})
    assert [rest.delete(path).status, rest.get(path).status] == [204, 404]


def test_another_tenants_venue_is_not_there(rest, other_account):
    with tenant_scope(other_account.pk):
        venue = Venue.objects.create(name="Rival hall")
    path = f"/venues/{venue.pk}"
    assert [rest.get(path).status, rest.patch(path, {"name": "Mine"}).status, rest.delete(path).status] == [404] * 3
    assert rest.get("/venues").json["count"] == 0
