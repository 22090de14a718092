"""The pages of a budget's plans: the list, one plan, two compared, giving one up, and any day of old."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from budgets.services.line_item import add_line_items
from budgets.tests.pages import address, browser, words
from budgets.tests.plans import begin_story
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_member

TORONTO = ZoneInfo("America/Toronto")


@pytest.fixture
def story(account):
    return begin_story(account)


@pytest.fixture
def client(story, account):
    return browser(story.owner, account)


@pytest.fixture
def revised(story):
    """A revision that raises the total by 400: one line raised, one lowered and renamed, one added, one removed."""
    story.add(name="Flowers", category="Decor & Florals", budgeted_amount="50")
    story.approve()
    story.step("revise", reason="A bigger hall")
    story.set_total("1400")
    story.change("Hall", budgeted_amount="900")
    story.change("Band", name="Duo", budgeted_amount="250")
    story.remove("Flowers")
    story.add(name="Photos", category="Entertainment", budgeted_amount="120.50")
    return story


def test_the_tab_lists_every_plan_with_who_and_why(revised, client):
    page = client.get(address("revisions", revised.budget))
    text = words(page)
    assert page.status_code == 200
    assert text.index("Draft Revision 2") < text.index("In force Revision 1")
    assert "“A bigger hall”" in text
    assert "1,400.00 CAD on 4 lines, 200.00 of income expected" in text
    assert f"Submitted by {revised.owner}" in text
    assert f"approved by {revised.manager}" in text
    assert address("revisions", revised.budget) in client.get(address("detail", revised.budget)).content.decode()


def test_the_comparison_says_first_what_becomes_of_the_total(revised, client):
    text = words(client.get(address("revision_diff", revised.budget)))
    assert "Revision 2 now, compared with the plan in force" in text
    assert "This revision raises the total by 400.00 CAD" in text
    assert "Total before 1,000.00" in text
    assert "Total after 1,400.00" in text
    assert "1 line added, 1 removed, 2 changed; 1 stays as it is." in text


def test_each_line_says_in_words_what_becomes_of_it(revised, client):
    text = words(client.get(address("revision_diff", revised.budget)))
    assert "Hall Venue 600.00 900.00 raised by 300.00" in text
    assert "Duo Entertainment was called “Band” 300.00 250.00 lowered by 50.00" in text
    assert "Flowers Decor & Florals 50.00 – removed, 50.00" in text
    assert "Photos Entertainment – 120.50 added, 120.50" in text


@pytest.mark.parametrize(
    ("total", "sentence"),
    [("1000", "The total stays at 1,000.00 CAD"), ("950", "This revision lowers the total by 50.00 CAD")],
)
def test_a_total_that_stays_or_falls_is_said(story, client, total, sentence):
    story.approve()
    story.step("revise")
    story.set_total(total)
    assert sentence in words(client.get(address("revision_diff", story.budget)))


def test_kept_plans_are_compared_in_the_past_tense_and_chosen(revised, client):
    revised.approve()
    revised.step("revise")
    page = client.get(address("revision_diff", revised.budget), {"revision": 2, "against": 1})
    assert "This revision raised the total by 400.00 CAD" in words(page)
    assert "Revision 2, compared with revision 1" not in words(page)
    chosen = page.context["compare_form"]
    assert (chosen["revision"].value(), chosen["against"].value()) == (2, 1)


@pytest.mark.parametrize("query", [{"revision": "9"}, {"revision": "x"}, {"against": "2"}, {"against": "9" * 20}])
def test_an_address_that_names_no_plan_shows_the_newest(revised, client, query):
    page = client.get(address("revision_diff", revised.budget), query)
    assert page.status_code == 200
    assert (page.context["diff"].after.number, page.context["diff"].before.number) == (2, 1)


def test_the_first_plan_has_nothing_before_it(story, client):
    text = words(client.get(address("revision_diff", story.budget)))
    assert "The first plan" in text
    assert "3 lines added" in text


def test_transfers_before_the_revision_are_told(story, client):
    story.approve()
    story.transfer("Hall", "Band", "100")
    story.step("revise")
    story.change("Band", budgeted_amount="450")
    text = words(client.get(address("revision_diff", story.budget)))
    assert "transfers had brought it 100.00 400.00 450.00 raised by 50.00" in text
    assert "100.00 CAD from “Hall” to “Band” “Cheaper than planned”" in text


def test_a_kept_plan_is_shown_whole(revised, client):
    page = client.get(address("revision", revised.budget, 1))
    assert "Hall Venue 600.00" in words(page)
    assert "Tickets Income Miscellaneous 200.00" in words(page)
    assert client.get(address("revision", revised.budget, 7)).status_code == 404


def test_whoever_may_approve_compares_and_decides_there(revised, account):
    revised.step("submit")
    approver, author = browser(revised.manager, account), browser(revised.owner, account)
    approve = address("move", revised.budget, "approve")
    compare = address("revision_diff", revised.budget)
    assert compare in approver.get("/approvals").content.decode()
    assert compare in approver.get(approve).content.decode()
    assert approve in approver.get(compare).content.decode()
    assert approve not in author.get(compare).content.decode()


def test_discarding_shows_its_consequences_and_then_does_it(revised, client):
    page = client.get(address("revision_discard", revised.budget))
    text = words(page)
    assert "the plan in force, 1,000.00 CAD, becomes the plan again" in text
    assert "The total goes back from 1,400.00 to 1,000.00 CAD." in text
    assert "2 lines go back to their approved words and amounts." in text
    assert "1 line that it added is deleted." in text
    assert "1 line that it removed returns, with what had been spent on it." in text
    assert revised.now().is_under_revision

    done = client.post(
        address("revision_discard", revised.budget), {"version": revised.now().version, "reason": "Called off"}
    )

    assert done.status_code == 302
    assert (revised.now().status, revised.now().total_budget_amount) == ("approved", 1000)
    assert "discarded. The plan of revision 1 holds again." in words(client.get(done["Location"]))


def test_a_stale_discard_shows_what_would_be_given_up_now(revised, client):
    version = revised.now().version
    revised.set_total("1500")
    page = client.post(address("revision_discard", revised.budget), {"version": version})
    assert page.status_code == 409
    assert "The budget changed while this page was open" in words(page)
    assert "from 1,500.00 to 1,000.00" in words(page)
    assert revised.now().is_under_revision


def test_added_lines_with_money_stand_in_the_way_with_a_reason(revised, client):
    revised.post("30", "Photos")
    page = client.post(address("revision_discard", revised.budget), {"version": revised.now().version})
    assert page.status_code == 409
    assert "“Photos” (30.00 CAD)" in words(page)
    assert revised.now().is_under_revision


def test_in_review_or_without_a_revision_nothing_can_be_discarded(revised, client):
    revised.step("submit")
    page = client.get(address("revision_discard", revised.budget))
    assert "Send it back to draft first" in words(page)
    assert b'name="version"' not in page.content
    revised.step("approve")
    away = client.get(address("revision_discard", revised.budget))
    assert away["Location"] == address("revisions", revised.budget)


def test_the_plan_as_of_a_day_shows_what_was_in_force_and_spent(revised, client):
    revised.post("40", "Hall")
    today = timezone.localdate(timezone=TORONTO)
    page = client.get(address("as_of", revised.budget), {"day": today.isoformat()})
    text = words(page)
    assert page.status_code == 200
    assert "Revision 1 was in force, and revision 2 was being worked on" in text
    assert "Budgeted 1,000.00" in text
    assert "Hall Venue 900.00 in revision 2, which was being worked on 600.00 40.00 0.00 560.00" in text
    assert "Flowers Decor & Florals revision 2 left it out 50.00" in text
    assert "Tickets Miscellaneous · income 200.00 0.00" in text
    assert "Income 0.00 200.00 expected" in text


def test_days_without_a_budget_and_days_to_come_say_so(revised, client):
    today = timezone.localdate(timezone=TORONTO)
    before = client.get(address("as_of", revised.budget), {"day": (today - timedelta(days=3)).isoformat()})
    later = client.get(address("as_of", revised.budget), {"day": (today + timedelta(days=3)).isoformat()})
    nonsense = client.get(address("as_of", revised.budget), {"day": "soon"})
    empty = client.get(address("as_of", revised.budget))
    assert [page.status_code for page in (before, later, nonsense, empty)] == [422, 422, 422, 200]
    assert "There was no such budget then: it was opened on" in words(before)
    assert "That is still to come." in words(later)
    assert "day" in nonsense.context["form"].errors


def test_long_plans_are_paged(account):
    story = begin_story(account, total=None)
    rows = [{"category": "Venue", "name": f"Line {row:03}", "budgeted_amount": "1"} for row in range(250)]
    add_line_items(budget_id=story.budget.pk, acting_user=story.owner, line_items=rows)
    client = browser(story.owner, account)
    for name, more in (("revision_diff", ()), ("revision", (1,))):
        first, second = (client.get(address(name, story.budget, *more), {"page": page}) for page in (1, 2))
        assert "Line 010" in words(first)
        assert "Line 240" not in words(first)
        assert "Lines 201 to 253 of 253" in words(second)
        assert "Line 240" in words(second)


def test_plans_side_by_side_are_not_for_the_events_client(revised, account):
    member = make_member(account, Role.CLIENT).user
    event = revised.now().event
    event.client = member
    event.save(update_fields=["client"])
    client = browser(member, account)
    for name in ("revisions", "revision_diff", "as_of", "revision_discard"):
        assert client.get(address(name, revised.budget)).status_code == 403
    seen = client.get(address("detail", revised.budget)).content.decode()
    assert "stays in force until it is approved" in " ".join(seen.split())
    assert address("revision_diff", revised.budget) not in seen
    assert address("revisions", revised.budget) not in seen


def test_another_accounts_plans_are_not_found(revised, other_account):
    with tenant_scope(other_account.pk):
        stranger = browser(make_member(other_account, Role.OWNER).user, other_account)
        for name, more in (
            ("revisions", ()),
            ("revision", (1,)),
            ("revision_diff", ()),
            ("revision_discard", ()),
            ("as_of", ()),
        ):
            assert stranger.get(address(name, revised.budget, *more)).status_code == 404
