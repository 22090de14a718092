"""Revisions over the API: listed, read, compared, discarded; and budgets as of a moment."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from budgets.api.answers import BudgetAsOfAnswer
from budgets.api.revision import (
    LineDifferenceAnswer,
    PlanDiffAnswer,
    PlannedLineAnswer,
    PlanTransferAnswer,
    RevisionAnswer,
    RevisionDetailAnswer,
)
from budgets.services.line_item import add_line_items
from budgets.tests.plans import begin_story
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.rest import rest_client, rest_client_of


@pytest.fixture
def story(account):
    return begin_story(account)


@pytest.fixture
def client(story, account):
    return rest_client_of(story.owner, account)


def path(story, *more):
    return "/".join([f"/event-budgets/{story.budget.pk}", *(str(part) for part in more)])


def test_revisions_are_listed_newest_first(story, client):
    story.approve()
    story.step("revise", reason="A bigger hall")

    answer = client.get(path(story, "revisions"))

    assert (answer.status, answer.json["count"], answer.json["next"]) == (200, 2, None)
    working, kept = answer.json["results"]
    assert set(kept) == set(RevisionAnswer().fields)
    assert (working["number"], working["state"], working["reason"], working["version"]) == (
        2,
        "draft",
        "A bigger hall",
        None,
    )
    assert (kept["number"], kept["state"], kept["total_budget_amount"], kept["lines_count"]) == (
        1,
        "in_force",
        "1000.00",
        3,
    )
    assert (kept["submitted_by"], kept["approved_by_name"]) == (str(story.owner.pk), str(story.manager))
    assert client.get(path(story, "revisions"), limit=1, offset=1).json["results"] == [kept]


def test_a_kept_plan_is_read_whole(story, client):
    story.approve()
    story.transfer("Hall", "Band", "100")
    story.step("revise")
    story.change("Hall", budgeted_amount="1")

    answer = client.get(path(story, "revisions", 1))

    assert answer.status == 200
    assert set(answer.json) == set(RevisionDetailAnswer().fields)
    hall, band = answer.json["line_items"]
    assert set(hall) == set(PlannedLineAnswer().fields)
    assert (hall["name"], hall["budgeted_amount"], hall["transferred_amount"]) == ("Hall", "600.00", "-100.00")
    assert (band["name"], band["category"], band["transferred_amount"]) == ("Band", "Entertainment", "100.00")
    assert [line["name"] for line in answer.json["income_lines"]] == ["Tickets"]
    (transfer,) = answer.json["transfers"]
    assert set(transfer) == set(PlanTransferAnswer().fields)
    assert (transfer["from_line_name"], transfer["to_line_name"], transfer["amount"]) == ("Hall", "Band", "100.00")


def test_two_plans_are_compared(story, client):
    story.approve()
    story.transfer("Hall", "Band", "50")
    story.step("revise")
    story.set_total("1500.50")
    story.change("Hall", budgeted_amount="650", quantity="2", unit_price="325")
    story.change("Tickets", budgeted_amount="150")

    answer = client.get(path(story, "revisions", 2, "diff"))

    assert answer.status == 200
    assert set(answer.json) == set(PlanDiffAnswer().fields)
    counts = ("added_count", "removed_count", "changed_count", "unchanged_count")
    assert [answer.json[name] for name in counts] == [0, 0, 2, 1]
    assert (answer.json["number"], answer.json["state"], answer.json["against"]) == (2, "draft", 1)
    assert [answer.json[f"total_{name}_amount"] for name in ("before", "after", "difference")] == [
        "1000.00",
        "1500.50",
        "500.50",
    ]
    assert [answer.json[f"income_{name}_amount"] for name in ("before", "after", "difference")] == [
        "200.00",
        "150.00",
        "-50.00",
    ]
    hall = next(line for line in answer.json["lines"] if line["name"] == "Hall")
    assert set(hall) == set(LineDifferenceAnswer().fields)
    assert (hall["change"], hall["before_amount"], hall["after_amount"]) == ("changed", "550.00", "650.00")
    assert (hall["difference_amount"], hall["transferred_before_amount"]) == ("100.00", "-50.00")
    assert hall["changes"] == [
        {"field": "quantity", "before": None, "after": "2.000"},
        {"field": "unit_price", "before": None, "after": "325.00"},
    ]
    assert [transfer["amount"] for transfer in answer.json["transfers"]] == ["50.00"]
    assert client.get(path(story, "revisions", 2, "diff"), against=1).json == answer.json


@pytest.mark.parametrize("against", ["2", "0", "-1", "one", "", "9" * 30])
def test_a_comparison_with_what_is_no_earlier_revision_is_refused_at_its_field(story, client, against):
    story.approve()
    story.step("revise")
    answer = client.get(path(story, "revisions", 2, "diff"), against=against)
    assert (answer.status, list(answer.fields)) == (400, ["against"])


@pytest.mark.parametrize("number", [0, 3, 2**40])
def test_a_revision_that_is_not_there_is_not_found(story, client, number):
    story.approve()
    story.step("revise")
    for answer in (
        client.get(path(story, "revisions", number)),
        client.get(path(story, "revisions", number, "diff")),
        client.delete(path(story, "revisions", number), {"version": story.now().version}),
    ):
        assert answer.status == 404


def test_a_revision_is_discarded(story, client):
    story.approve()
    story.step("revise")
    story.change("Hall", budgeted_amount="10")
    version = story.now().version

    answer = client.delete(path(story, "revisions", 2), {"version": version, "reason": "Called off"})

    assert answer.status == 200
    assert (answer.json["status"], answer.json["revision"], answer.json["version"]) == ("approved", 1, version + 1)
    assert answer.json["line_items"][0]["budgeted_amount"] == "600.00"
    assert answer.headers["ETag"] == f'"{version + 1}"'
    decision = client.get(path(story, "approvals")).json["results"][0]
    assert (decision["action"], decision["reason"]) == ("discard", "Called off")


def test_a_discard_needs_the_version_that_was_read(story, client):
    story.approve()
    story.step("revise")
    version = story.now().version
    story.change("Hall", budgeted_amount="10")

    assert client.delete(path(story, "revisions", 2)).fields == {"version": "required"}
    stale = client.delete(path(story, "revisions", 2), None, If_Match=f'"{version}"')
    assert (stale.status, stale.codes) == (409, ["stale_version"])
    assert stale.json["current"]["line_items"][0]["budgeted_amount"] == "10.00"
    assert story.line("Hall").budgeted_amount == 10


def test_what_can_not_be_discarded_says_why(story, client):
    story.approve()
    version = story.now().version
    assert client.delete(path(story, "revisions", 1), {"version": version}).codes == ["nothing_to_discard"]
    story.step("revise")
    added = story.add(name="Flowers", category="Decor & Florals", budgeted_amount="80", actual_amount="30")
    refused = client.delete(path(story, "revisions", 2), {"version": story.now().version})
    assert (refused.status, refused.codes) == (409, ["added_lines_carry_money"])
    assert refused.json["line_item_ids"] == [str(added.pk)]
    story.step("submit")
    refused = client.delete(path(story, "revisions", 2), {"version": story.now().version})
    assert (refused.status, refused.codes) == (409, ["revision_in_review"])


def test_a_client_neither_reads_earlier_plans_nor_discards_one(story, account):
    story.approve()
    story.step("revise")
    member = rest_client(account, Role.CLIENT)
    event = story.now().event
    event.client = member.user
    event.save(update_fields=["client"])
    assert member.get(path(story)).status == 200
    assert member.get(path(story, "revisions")).status == 403
    assert member.get(path(story, "revisions", 2)).status == 403
    assert member.get(path(story, "revisions", 2, "diff")).status == 403
    assert member.get(path(story), as_of=timezone.now().isoformat()).status == 403
    assert member.delete(path(story, "revisions", 2), {"version": story.now().version}).status == 403


def test_another_accounts_plans_are_not_found(story, other_account):
    story.approve()
    moment = timezone.now().isoformat()
    with tenant_scope(other_account.pk):
        begin_story(other_account).approve()
        stranger = rest_client(other_account, Role.OWNER)
        for answer in (
            stranger.get(path(story, "revisions")),
            stranger.get(path(story, "revisions", 1)),
            stranger.get(path(story, "revisions", 1, "diff")),
            stranger.delete(path(story, "revisions", 1), {"version": 1}),
            stranger.get(path(story), as_of=moment),
        ):
            assert answer.status == 404


def test_a_budget_is_read_as_of_a_moment(story, client):
    story.approve()
    story.post("40", "Hall")
    seen, moment = client.get(path(story)).json, timezone.now()
    story.post("60", "Hall")
    story.step("revise")
    story.change("Hall", name="Great hall", budgeted_amount="10")

    then = client.get(path(story), as_of=moment.isoformat())

    assert then.status == 200
    assert set(then.json) == set(BudgetAsOfAnswer().fields)
    assert then.json.pop("as_of").replace("Z", "+00:00") == moment.isoformat()
    assert (then.json.pop("revision_in_force"), then.json.pop("lines_left_out")) == (1, [])
    left_out = {"updated_at": None}
    assert then.json | left_out == seen | left_out
    assert client.get(path(story)).json["line_items"][0]["name"] == "Great hall"


def test_a_date_alone_stands_for_all_of_that_day(story, client):
    story.post("40", "Hall")
    today = timezone.localdate(timezone=ZoneInfo("America/Toronto"))
    answer = client.get(path(story), as_of=today.isoformat())
    assert (answer.status, answer.json["total_actual_amount"]) == (200, "40.00")
    before = client.get(path(story), as_of=(today - timedelta(days=1)).isoformat())
    assert (before.status, before.codes) == (404, ["not_found"])
    assert "There was no such budget then: it was opened on" in before.json["errors"][0]["detail"]
    assert client.get(path(story), as_of=(today + timedelta(days=1)).isoformat()).fields == {"as_of": "in_the_future"}


@pytest.mark.parametrize("text", ["", "yesterday", "2026-02-30", "2026-05-01T10:00:00", "2026-05-01T10:00:00+99:00"])
def test_what_is_no_moment_is_refused_at_its_field(story, client, text):
    answer = client.get(path(story), as_of=text)
    assert (answer.status, answer.fields) == (400, {"as_of": "invalid"})


@pytest.mark.parametrize("text", ["0001-01-01", "0001-01-01T00:00:00+14:00", "1066-10-14"])
def test_long_before_there_was_no_budget(story, client, text):
    assert client.get(path(story), as_of=text).status == 404


def test_reading_takes_as_many_statements_for_many_lines(account):
    counts = []
    for number in (1, 200):
        story = begin_story(account, total=None)
        rows = [{"category": "Venue", "name": f"Line {row}", "budgeted_amount": "1"} for row in range(number)]
        add_line_items(budget_id=story.budget.pk, acting_user=story.owner, line_items=rows)
        story.approve()
        story.step("revise")
        client = rest_client_of(story.owner, account)
        moment = timezone.now().isoformat()
        reads = (
            (path(story, "revisions"), {}),
            (path(story, "revisions", 1), {}),
            (path(story, "revisions", 2, "diff"), {}),
            (path(story), {"as_of": moment}),
        )
        counted = []
        for address, query in reads:
            with CaptureQueriesContext(connection) as captured:
                assert client.get(address, **query).status == 200
            counted.append(len(captured))
        counts.append(counted)
    assert counts[0] == counts[1]
