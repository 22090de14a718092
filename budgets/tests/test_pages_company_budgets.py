"""The pages of the company's budgets: the tree, one budget, making, changing, deleting, bringing back."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
from django.urls import reverse
from django.utils import timezone

from budgets.models import MOST_LEVELS, LedgerEntry, Reservation, ScopedBudget
from budgets.selectors.scoped_windows import windows_page
from budgets.services.reservation import reserve
from budgets.services.scoped_budget import update_scoped_budget
from budgets.services.windows import Window
from budgets.tests.pages import browser, words
from budgets.views.scoped_words import time_left, window_in_words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.people import make_account, make_member
from budgetsite.testing.scoped_budgets import make_scoped_budget, make_tree, spend, standing

# Its window holds every moment that these tests know, the present one included.
LONG = {"period": "custom", "start_date": date(2020, 1, 1), "end_date": date(2100, 1, 1)}


def at(name, *args):
    return reverse(f"budgets:{name}", args=args)


def typed(**more):
    """What the form of a new budget sends."""
    return {
        "name": "Season",
        "scope_type": "organization",
        "scope_id": "us",
        "parent": "",
        "currency": "",
        "amount": "1,000",
        "period": "monthly",
        "start_date": "2026-06-01",
        "end_date": "",
        "recurring": "on",
        "enforcement": "stop",
        "timezone": "",
        "description": "",
        "tags": "",
        "thresholds-TOTAL_FORMS": "0",
        "thresholds-INITIAL_FORMS": "0",
        **more,
    }


def thresholds(*rows):
    sent = {"thresholds-TOTAL_FORMS": str(len(rows))}
    for place, row in enumerate(rows):
        sent |= {f"thresholds-{place}-{name}": value for name, value in row.items()}
    return sent


@pytest.fixture
def now():
    return timezone.now()


def test_the_tree_shows_every_budget_with_its_figures_under_its_parent(account, owner, now):
    season, team, _person, project = make_tree(account, owner, **LONG)
    spend(project, owner, 995, now=now)
    spend(team, owner, 20, now=now)
    make_scoped_budget(
        account, owner, name="Over", period="custom", start_date=date(2020, 6, 1), end_date=date(2020, 6, 5)
    )

    answer = browser(owner, account).get(at("company_budgets"))

    (root,) = answer.context["rows"]
    (below,) = root["children"]
    assert (root["standing"].budget.id, below["standing"].budget.id) == (season.pk, team.pk)
    assert [row["standing"].figures.actual for row in (root, below)] == [1015, 1015]
    shown = words(answer)
    assert "Of 4 budgets 2 are exceeded, 2 are nearly used up." in shown
    # Said in words, not by colour alone.
    assert "Organization Exceeded Organization organization" in shown
    assert "15.00 over budget" in shown
    assert "5.00 left" in shown
    assert shown.index("Team Exceeded") < shown.index("User Critical") < shown.index("Project Critical")
    assert "Over" not in [one.budget.name for one in answer.context["rows"][0]["standing"].reached]
    assert len(answer.context["rows"]) == 1
    with_ended = browser(owner, account).get(at("company_budgets"), {"ended": "on"})
    assert "over since 5 June 2020" in words(with_ended)
    assert [row["standing"].budget.name for row in with_ended.context["rows"]] == ["Organization", "Over"]


def test_the_tree_is_searched_and_keeps_the_way_to_what_was_found(account, owner):
    make_tree(account, owner)
    client = browser(owner, account)

    found = client.get(at("company_budgets"), {"search": "proj"})
    row, way = found.context["rows"][0], []
    while row:
        way.append((row["standing"].budget.name, row["is_asked_for"]))
        row = row["children"][0] if row["children"] else None
    assert way == [("Organization", False), ("Team", False), ("User", False), ("Project", True)]
    assert found.context["found"] == 1
    of_teams = client.get(at("company_budgets"), {"scope": "team"})
    assert [row["standing"].budget.name for row in of_teams.context["rows"][0]["children"]] == ["Team"]
    assert "No budget fits" in words(client.get(at("company_budgets"), {"search": "nowhere"}))


def test_the_deepest_tree_is_drawn_to_its_leaf(account, owner):
    parent = None
    for level in range(MOST_LEVELS):
        above = {"parent_id": parent.pk} if parent else {}
        parent = make_scoped_budget(account, owner, name=f"Level {level}", **above)
    client = browser(owner, account)
    assert f"Level {MOST_LEVELS - 1}" in words(client.get(at("company_budgets")))
    assert "Level 0 Level 1 Level 2" in words(client.get(at("company_budget", parent.pk)))


def test_without_budgets_the_tree_says_how_to_begin(account, owner, staff):
    assert "Make the first one" in words(browser(owner, account).get(at("company_budgets")))
    told = words(browser(staff, account).get(at("company_budgets")))
    assert "An owner or a manager of the account makes them" in told
    assert "Make the first one" not in told


def test_the_tree_and_a_page_cost_the_same_statements_for_few_and_for_many(
    account, owner, django_assert_max_num_queries, now
):
    season = make_scoped_budget(account, owner, **LONG)
    client = browser(owner, account)
    for place in range(12):
        child = make_scoped_budget(account, owner, name=f"Team {place}", parent_id=season.pk, **LONG)
        spend(child, owner, place, now=now)
        reserve(budget_id=child.pk, amount=Decimal(1), ttl_seconds=600, acting_user=owner, now=now)
    client.get(at("company_budgets"))
    with django_assert_max_num_queries(12):
        tree = client.get(at("company_budgets"))
    assert len(tree.context["rows"][0]["children"]) == 12
    with django_assert_max_num_queries(26):
        page = client.get(at("company_budget", season.pk))
    assert (len(page.context["children"]), len(page.context["held"].rows)) == (12, 12)
    with django_assert_max_num_queries(20):
        assert len(client.get(at("company_entries", season.pk)).context["rows"]) == 12


def test_a_budgets_page_answers_whether_it_is_within_its_amount(account, owner, now):
    season = make_scoped_budget(account, owner, name="Season", amount=Decimal(900), **LONG)
    reached = [
        {"threshold": "80", "actions": ["notify"], "message": "Ask Ana"},
        {"threshold": "100", "actions": ["block-all"]},
    ]
    bar = make_scoped_budget(account, owner, name="Bar", parent_id=season.pk, thresholds=reached, **LONG)
    spend(bar, owner, 800, now=now, description="Ice")
    held = reserve(budget_id=bar.pk, amount=Decimal(50), ttl_seconds=600, acting_user=owner, now=now)

    client = browser(owner, account)
    shown = words(client.get(at("company_budget", bar.pk)))

    assert "Bar Warning" in shown
    assert "Yes: 150.00 USD left" in shown
    assert "800.00 spent and 50.00 promised of 1,000.00 USD: 150.00 left" in shown
    assert "Reached From 80% on (800.00) somebody is told. Ask Ana" in shown
    assert "Not reached From 100% on (1,000.00) everything is blocked." in shown
    assert "Above it, Season has only 50.00 left." in shown
    # What is held below shows, and is released, above.
    assert str(held.pk) in client.get(at("company_budget", season.pk)).content.decode()
    spend(bar, owner, 300, now=now)
    assert "No: 100.00 USD over budget" in words(client.get(at("company_budget", bar.pk)))


def test_a_budget_is_made_with_thresholds_under_its_parent_and_says_what_is_odd(account, owner):
    parent = make_scoped_budget(account, owner, name="Season", currency="CAD")
    client = browser(owner, account)
    sent = typed(
        name="Bar",
        parent=str(parent.pk),
        amount="1,500.50",
        tags="department: kitchen",
        **thresholds(
            {"percentage": "100", "action": "block-all", "message": ""},
            {"percentage": "", "action": "notify", "message": ""},
            {"percentage": "80.5", "action": "notify", "message": "Look out"},
        ),
    )

    answer = client.post(at("company_budget_new"), sent, follow=True)

    made = ScopedBudget.objects.get(name="Bar")
    assert (made.amount, made.currency, made.parent_id, made.depth) == (Decimal("1500.50"), "CAD", parent.pk, 1)
    assert made.timezone == "UTC"
    assert made.tags == {"department": "kitchen"}
    assert [(row["threshold"], row["actions"], row["message"]) for row in made.thresholds] == [
        ("80.50", ["notify"], "Look out"),
        ("100.00", ["block-all"], ""),
    ]
    assert "This is more than “Season” has above it, 1,000.00 CAD" in words(answer)
    assert "It is larger than “Season” above it" in words(client.get(at("company_budget_edit", made.pk)))


def test_what_can_not_be_made_is_said_at_its_field_and_nothing_is_made(account, owner):
    parent = make_scoped_budget(account, owner, name="Season", currency="USD")
    client = browser(owner, account)

    def errors(**more):
        answer = client.post(at("company_budget_new"), typed(**more))
        assert answer.status_code == 422
        return {name: list(told) for name, told in answer.context["form"].errors.items()}

    assert errors(parent=str(parent.pk), currency="EUR") == {
        "parent": [
            "“Season” is kept in USD, and what is spent in EUR can't be counted there. Make this budget in USD, or "
            "without a parent."
        ]
    }
    assert errors(amount="0") == {"amount": ["The amount must be more than 0."]}
    assert errors(amount="1.005", currency="USD") == {"amount": ["USD has 2 decimals: write no more than that."]}
    assert list(errors(end_date="2026-06-01")) == ["end_date"]
    assert list(errors(period="custom", end_date="")) == ["end_date"]
    assert list(errors(scope_type="dept", scope_id="")) == ["scope_type", "scope_id"]
    assert errors(tags="drinks\nshop: Meyer") == {
        "tags": ["Give each line a value, or none: “label: value”, or labels alone."]
    }
    twice = client.post(
        at("company_budget_new"),
        typed(**thresholds({"percentage": "80", "action": "notify"}, {"percentage": "80.0", "action": "block-all"})),
    )
    assert twice.status_code == 422
    assert twice.context["formset"].forms[1].errors == {
        "percentage": ["This percentage stands above already: one row for each."]
    }
    assert list(ScopedBudget.objects.all()) == [parent]


def test_everything_that_can_not_be_made_is_said_at_once_at_the_top(account, owner):
    sent = typed(name="", amount="-1", end_date="2026-05-31", **thresholds({"percentage": "0", "action": "notify"}))
    answer = browser(owner, account).post(at("company_budget_new"), sent)
    assert answer.status_code == 422
    assert (
        "4 things to put right Name : Name the budget. Amount : The amount must be more than 0. "
        "Over on : The end must come after the start: it is the day after the last one. "
        "Threshold 1, From : More than 0, such as 80."
    ) in words(answer)
    assert 'href="#id_thresholds-0-percentage"' in answer.content.decode()


def test_one_more_row_for_a_threshold_stores_nothing_and_keeps_what_was_typed(account, owner):
    row = {"percentage": "7x", "action": "block-all", "message": "Mine"}
    answer = browser(owner, account).post(
        at("company_budget_new"), typed(name="", amount="x", step="add", **thresholds(row))
    )
    assert answer.status_code == 200
    shown = answer.context["formset"].forms
    assert (len(shown), shown[0]["percentage"].value(), shown[0]["message"].value()) == (2, "7x", "Mine")
    assert answer.context["form"]["amount"].value() == "x"
    assert "to put right" not in words(answer)
    assert not ScopedBudget.objects.exists()


def test_a_change_keeps_the_place_and_what_the_page_does_not_offer(account, owner):
    stored = make_scoped_budget(
        account,
        owner,
        currency="CAD",
        thresholds=[{"threshold": "90", "actions": ["restrict-models", "notify"], "channels": ["email"]}],
    )
    client = browser(owner, account)
    page = client.get(at("company_budget_edit", stored.pk))
    assert "These were chosen once." in words(page)
    assert "scope_type" not in page.context["form"].fields
    (row, _) = page.context["formset"].forms
    kept = row["kept"].value()
    sent = typed(
        name="Year",
        amount="2000",
        timezone="UTC",
        version="1",
        scope_id="others",
        **thresholds({"percentage": "90", "action": "block-all", "message": "", "kept": kept}),
    )

    client.post(at("company_budget_edit", stored.pk), sent)

    stored.refresh_from_db()
    assert (stored.name, stored.amount, stored.scope_id, stored.version) == ("Year", 2000, "us", 2)
    assert stored.thresholds == [
        {"threshold": "90.00", "actions": ["block-all", "notify"], "channels": ["email"], "message": ""}
    ]
    # Who read an older state learns that, and nothing is written.
    stale = client.post(at("company_budget_edit", stored.pk), sent | {"name": "Mine"})
    assert stale.status_code == 409
    assert "Someone else changed this budget meanwhile" in words(stale)
    stored.refresh_from_db()
    assert (stored.name, stored.version) == ("Year", 2)


def test_the_history_says_who_changed_what_in_words(account, owner):
    client = browser(owner, account)
    client.post(at("company_budget_new"), typed())
    stored = ScopedBudget.objects.get()
    sent = typed(amount="1200", timezone="UTC", end_date="2027-06-01", enforcement="warn", version="1")
    client.post(
        at("company_budget_edit", stored.pk), sent | thresholds({"percentage": "80", "action": "require-approval"})
    )

    shown = words(client.get(at("company_history", stored.pk)))

    assert (
        "The owner raised the amount from 1,000.00 to 1,200.00 CAD; let from 80% on “require approval” happen; chose "
        "for what does not fit: let it pass and warn; set the day on which it is over to 1 June 2027; changed the time "
        "zone from America/Toronto to UTC"
    ) in shown
    assert "The owner made it with 1,000.00 CAD, monthly" in shown


def test_a_budget_in_use_can_not_go_and_says_what_to_do(account, owner, now):
    season = make_scoped_budget(account, owner)
    bar = make_scoped_budget(account, owner, name="Bar", parent_id=season.pk)
    held = reserve(budget_id=bar.pk, amount=Decimal(5), ttl_seconds=600, acting_user=owner, now=now)
    client = browser(owner, account)

    assert "Bar stands under it: delete that one first." in words(client.get(at("company_budget_delete", season.pk)))
    refused = client.post(at("company_budget_delete", season.pk))
    assert refused.status_code == 409
    assert "Other budgets stand under it: Bar. Delete those first." in words(refused)
    assert client.post(at("company_budget_delete", bar.pk)).status_code == 409
    assert ScopedBudget.objects.count() == 2

    client.post(at("company_reservation_release", bar.pk, held.pk), {"back": str(season.pk)})
    assert Reservation.objects.get().status == "released"
    client.post(at("company_budget_delete", bar.pk))
    client.post(at("company_budget_delete", season.pk))
    assert not ScopedBudget.objects.exists()

    listed = words(client.get(at("company_deleted")))
    assert "Bar under Season, which is deleted too" in listed
    refused = client.post(at("company_restore", bar.pk), follow=True)
    assert "“Bar” stands under “Season”, which is deleted too: restore that one first." in words(refused)
    client.post(at("company_restore", season.pk))
    client.post(at("company_restore", bar.pk))
    assert ScopedBudget.objects.count() == 2


def test_earlier_periods_are_measured_against_the_amount_of_their_time(account, owner, monkeypatch):
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 6, 1, tzinfo=UTC))
    budget = make_scoped_budget(account, owner, amount=Decimal(100))
    for month, amount in ((6, 90), (7, 20)):
        spend(budget, owner, amount, timestamp=datetime(2026, month, 3, tzinfo=UTC))
    # Before it began, and read with it all the same.
    spend(budget, owner, 7, timestamp=datetime(2026, 4, 3, tzinfo=UTC))
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 7, 15, tzinfo=UTC))
    update_scoped_budget(budget_id=budget.pk, acting_user=owner, amount=Decimal(50))
    monkeypatch.undo()

    page = windows_page(standing(budget, now=datetime(2026, 8, 5, tzinfo=UTC)), size=3)

    assert [(one.window.first_day, one.figures.amount, one.figures.actual, one.level) for one in page.rows] == [
        (date(2026, 8, 1), 50, 0, "normal"),
        (date(2026, 7, 1), 50, 20, "normal"),
        (date(2026, 6, 1), 100, 90, "warning"),
    ]
    assert page.older == date(2026, 6, 1)
    rest = windows_page(standing(budget, now=datetime(2026, 8, 5, tzinfo=UTC)), before=page.older)
    assert [(one.window.first_day, one.figures.actual) for one in rest.rows] == [(date(2026, 4, 1), 7)]
    assert rest.older is None
    shown = browser(owner, account).get(at("company_windows", budget.pk), {"before": "2026-07-01"})
    assert "June 2026 100.00 0.00 90.00 90.00% 10.00 left" in words(shown)


@pytest.mark.parametrize(
    ("first_day", "day_after", "said"),
    [
        ("2026-06-01", "2026-07-01", "June 2026"),
        ("2026-01-01", "2027-01-01", "2026"),
        ("2026-04-01", "2026-07-01", "April to June 2026"),
        ("2026-11-01", "2027-02-01", "November 2026 to January 2027"),
        ("2026-06-15", "2026-07-15", "15 June to 14 July 2026"),
        ("2026-06-08", "2026-06-15", "8 to 14 June 2026"),
        ("2026-12-15", "2027-01-15", "15 December 2026 to 14 January 2027"),
        ("2026-06-08", "2026-06-09", "8 June 2026"),
    ],
)
def test_a_window_is_called_as_people_call_it(first_day, day_after, said):
    first, after = date.fromisoformat(first_day), date.fromisoformat(day_after)
    midnight = datetime(2026, 1, 1, tzinfo=UTC)
    assert window_in_words(Window(0, midnight, midnight, first, after)) == said


def test_the_time_left_is_said_before_within_and_after(account, owner):
    once = make_scoped_budget(account, owner, recurring=False)
    said = [time_left(standing(once, now=datetime(2026, 6, day, 12, tzinfo=UTC))) for day in (11, 30)]
    assert said == ["20 days left", "1 day left"]
    assert time_left(standing(once, now=datetime(2026, 5, 30, tzinfo=UTC))) == "begins on 1 June 2026"
    assert time_left(standing(once, now=datetime(2026, 7, 1, tzinfo=UTC))) == "over since 1 July 2026"


def test_a_budget_that_is_over_says_so_beside_its_figures(account, owner):
    over = make_scoped_budget(account, owner, start_date=date(2020, 6, 1), recurring=False)
    shown = words(browser(owner, account).get(at("company_budget", over.pk)))
    assert "It is over since 1 July 2020. These are the figures of its last period." in shown


def test_the_start_page_says_which_company_budgets_are_nearly_used_up(account, owner, organizer, now):
    budget = make_scoped_budget(account, owner, name="Season", **LONG)
    spend(budget, owner, 949, now=now)
    client = browser(owner, account)
    assert client.get("/").context["company_budgets"] == []
    spend(budget, owner, 1, now=now)
    assert "Company budgets : Season is nearly used up (95.00% used)" in words(client.get("/"))
    spend(budget, owner, 51, now=now)
    assert "Company budgets : Season is exceeded (100.10% used)" in words(client.get("/"))
    assert "Season" not in words(browser(organizer, account).get("/"))


def test_who_may_do_what_and_a_stranger_finds_nothing(account, owner, staff, organizer, now):
    budget = make_scoped_budget(account, owner, name="Season", **LONG)
    entry = spend(budget, owner, 5, now=now).entry
    held = reserve(budget_id=budget.pk, amount=Decimal(5), ttl_seconds=600, acting_user=owner, now=now)
    views = [
        at(name, budget.pk) for name in ("company_budget", "company_entries", "company_windows", "company_history")
    ]
    views += [at("company_what_if", budget.pk)]
    records = [at("company_usage_new", budget.pk), at("company_take_back", budget.pk, entry.pk)]
    changes = [at("company_budget_edit", budget.pk), at("company_budget_delete", budget.pk)]
    posts = [at("company_reservation_release", budget.pk, held.pk)]

    def statuses(client, addresses):
        return {client.get(address).status_code for address in addresses}

    assert statuses(browser(staff, account), [*views, *records]) == {200}
    assert statuses(browser(staff, account), changes) == {403}
    assert statuses(browser(organizer, account), [at("company_budgets"), *views, *records, *changes]) == {403}
    other = make_account("Rival")
    with tenant_scope(other.pk):
        rival = make_member(other, Role.OWNER).user
        make_scoped_budget(other, rival, name="Theirs", **LONG)
    stranger = browser(rival, other)
    assert statuses(stranger, [*views, *records, *changes]) == {404}
    assert {stranger.post(address).status_code for address in [*posts, at("company_restore", budget.pk)]} == {404}
    assert "Season" not in words(stranger.get(at("company_budgets")))
    with tenant_scope(account.pk):
        assert Reservation.objects.get().status == "held"
        assert LedgerEntry.objects.filter(scoped_budget=budget).count() == 1
