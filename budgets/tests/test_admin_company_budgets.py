"""Company budgets in the back office: the list as a tree, one's page, usage by hand, periods, reservations."""

from decimal import Decimal

import pytest
from django.contrib.messages import get_messages
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from budgets.models import BudgetWindow, LedgerEntry, Reservation, ScopedBudget
from budgets.services.ledger_proof import verify_ledger
from budgets.services.reservation import reserve
from budgets.services.scoped_budget import delete_scoped_budget
from budgetsite.accounts.roles import Role
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import sign_in
from budgetsite.testing.scoped_budgets import make_scoped_budget, make_tree, spend

LIST = "admin:budgets_scopedbudget_changelist"


@pytest.fixture
def client(account, owner):
    return sign_in(owner, account)


@pytest.fixture
def now():
    return timezone.now()


@pytest.fixture
def tree(account, owner):
    """A season with two teams, one of them used up, and a person under that one."""
    begun = {"start_date": timezone.now().date().replace(day=1), "timezone": account.timezone}
    season = make_scoped_budget(account, owner, name="Season", amount=9000, enforcement="warn", **begun)
    teams = [
        make_scoped_budget(
            account, owner, name=name, scope_type="team", scope_id=name.lower(), parent_id=season.pk, **begun
        )
        for name in ("Weddings", "Catering")
    ]
    person = make_scoped_budget(
        account, owner, name="Ana", scope_type="user", scope_id="ana", parent_id=teams[1].pk, amount=500, **begun
    )
    spend(teams[1], owner, "960", now=timezone.now())
    spend(person, owner, "50.123456", now=timezone.now(), metadata={"model": "large"}, description="Flour")
    return season, *teams, person


def page_of(budget):
    return reverse("admin:budgets_scopedbudget_change", args=[budget.pk])


def named(response):
    return [budget.name for budget in response.context["cl"].result_list]


def told(response):
    return [str(message) for message in get_messages(response.wsgi_request)]


def posted(budget, **changes):
    return {
        "name": budget.name,
        "amount": str(budget.amount),
        "enforcement": budget.enforcement,
        "thresholds": "",
        "period": budget.period,
        "recurring": "on",
        "start_date": budget.start_date.isoformat(),
        "end_date": "",
        "timezone": budget.timezone,
        "description": budget.description,
        "tags": "",
        "version_read": str(budget.version),
        **changes,
    }


def test_the_list_stands_as_the_tree_and_says_how_each_stands(client, tree):
    response = client.get(reverse(LIST))

    assert named(response) == ["Season", "Catering", "Ana", "Weddings"]
    page = response.content.decode()
    for words in (
        "1,010.12 spent",
        "10.12 over budget",
        "Exceeded",
        "tree-name--2",
        "Person ana",
        ", under Catering</span>",
    ):
        assert words in page, words
    by_name = {budget.name: budget.standing for budget in response.context["cl"].result_list}
    assert by_name["Season"].figures.actual == Decimal("1010.123456")
    assert (by_name["Catering"].level, by_name["Weddings"].level) == ("exceeded", "normal")


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("level=exceeded", ["Catering"]),
        ("scope_type__exact=team", ["Catering", "Weddings"]),
        ("enforcement__exact=warn", ["Season"]),
        ("q=an", ["Ana"]),
        ("ended=yes", ["Last year"]),
        ("ended=no&q=last", []),
        ("deleted=yes", ["Gone"]),
    ],
)
def test_the_list_is_narrowed(account, owner, client, tree, now, query, names):
    once = {"start_date": now.date().replace(year=now.year - 2, day=1), "period": "annual", "recurring": False}
    make_scoped_budget(account, owner, name="Last year", **once)
    gone = make_scoped_budget(account, owner, name="Gone")
    delete_scoped_budget(budget_id=gone.pk, acting_user=owner, now=now)

    assert named(client.get(f"{reverse(LIST)}?{query}")) == names


def test_a_longer_list_costs_no_more_statements(account, owner, client, tree):
    def statements():
        with CaptureQueriesContext(
            connection,
        ) as captured:
            for name in ("scopedbudget", "budgetwindow", "reservation", "ledgerentry"):
                assert client.get(reverse(f"admin:budgets_{name}_changelist")).status_code == 200
        return len(captured)

    statements()
    before = statements()
    for budget in make_tree(account, owner):
        spend(budget, owner, 1)
        reserve(budget_id=budget.pk, amount=Decimal(1), ttl_seconds=60, acting_user=owner, now=timezone.now())
    assert statements() == before


def test_a_budget_is_made_under_another_and_changed_with_thresholds_and_tags(client, tree):
    season = tree[0]
    new = posted(season, name="Festival", amount="10,000", scope_type="project", scope_id="festival", currency="")
    new |= {"parent": str(season.pk), "thresholds": "80: notify\n100: block-all, notify - Ask Elena", "timezone": ""}

    made = client.post(reverse("admin:budgets_scopedbudget_add"), new)

    budget = ScopedBudget.objects.get(name="Festival")
    assert made.url == page_of(budget)
    assert (budget.parent, budget.depth, budget.currency, budget.amount) == (season, 1, "USD", 10000)
    assert [message for message in told(made) if "Season" in message and "used up first" in message]
    assert [(row["threshold"], row["actions"], row["message"]) for row in budget.thresholds] == [
        ("80.00", ["notify"], ""),
        ("100.00", ["block-all", "notify"], "Ask Elena"),
    ]
    page = client.get(page_of(budget)).content.decode()
    assert "100: block-all, notify - Ask Elena" in page

    changed = client.post(page_of(budget), posted(budget, amount="7000", thresholds="90: notify", tags="unit: summer"))

    assert changed.status_code == 302
    budget.refresh_from_db()
    assert (budget.amount, budget.version, budget.tags) == (7000, 2, {"unit": "summer"})
    story = client.get(reverse("admin:budgets_scopedbudget_history", args=[budget.pk])).content.decode()
    assert "90: notify" in story
    assert "unit: summer" in story


@pytest.mark.parametrize(
    ("changes", "field", "words"),
    [
        ({"amount": "0"}, "amount", "more than 0"),
        ({"thresholds": "80 notify"}, "thresholds", "Line 1: write a percentage, a colon"),
        ({"thresholds": "80: shout"}, "thresholds", "Line 1: there is no “shout”"),
        ({"thresholds": "80: notify\n\n80.00: block-all"}, "thresholds", "Line 3: 80 stands above already"),
        ({"thresholds": "1001: notify"}, "thresholds", "at most 1000 percent"),
        ({"tags": "a: b\nc"}, "tags", "Give each line a value, or none"),
        ({"end_date": "2001-01-01"}, "end_date", "The end must come after the start"),
        ({"version_read": "7"}, "__all__", "This was changed by someone else"),
    ],
)
def test_what_is_refused_is_said_at_its_field_and_nothing_changes(client, tree, changes, field, words):
    season = tree[0]

    response = client.post(page_of(season), posted(season, name="Another", **changes))

    assert response.status_code == 200
    [said] = response.context["adminform"].form.errors[field]
    assert words in said
    assert ScopedBudget.objects.get(pk=season.pk).name == "Season"


def test_a_stale_page_shows_what_others_changed(client, tree):
    season = tree[0]
    client.post(page_of(season), posted(season, description="Of all of us"))

    response = client.post(page_of(season), posted(season, amount="1"))

    assert "What others changed since you opened this page" in response.content.decode()
    assert [entry.changes[0].new for entry in response.context["changed_since"]] == ["Of all of us"]


def test_one_with_others_under_it_stays_and_one_without_goes_and_comes_back(client, tree):
    _season, weddings, catering, _ = tree
    delete = [reverse("admin:budgets_scopedbudget_delete", args=[each.pk]) for each in (catering, weddings)]

    refused = client.post(delete[0], {"version": "1"})
    gone = client.post(delete[1], {"version": "1"})

    assert refused.status_code == 409
    assert "Other budgets stand under it: Ana. Delete those first." in refused.content.decode()
    assert gone.url == reverse(LIST)
    assert list(ScopedBudget.objects.order_by("name").values_list("name", flat=True)) == ["Ana", "Catering", "Season"]

    back = client.post(reverse("admin:budgets_scopedbudget_restore_row", args=[weddings.pk]))

    assert told(back)[-1] == "“Weddings” was restored."
    assert ScopedBudget.objects.filter(pk=weddings.pk).exists()


def test_usage_is_recorded_by_hand_once_and_taken_back_with_a_reason(owner, client, tree):
    weddings = tree[1]
    address = reverse("admin:budgets_scopedbudget_record_usage", args=[weddings.pk])
    key = client.get(address).context["confirmation"].form["key"].value()
    sent = {"amount": "1,200.5", "description": "Chairs", "metadata": "shop: Meyer", "when": "", "key": str(key)}

    refused = client.post(address, {**sent, "only_if_it_fits": "on"})
    assert refused.status_code == 409
    assert "Weddings" in refused.context["confirmation"].form.errors["amount"][0]
    assert not LedgerEntry.objects.filter(scoped_budget=weddings).exists()

    recorded = client.post(address, sent)
    again = client.post(address, sent)

    assert told(recorded)[-2:] == ["1,200.50 USD recorded in “Weddings”.", "“Weddings” is over now, by 200.50."]
    assert "recorded already" in told(again)[-1]
    entry = LedgerEntry.objects.get(scoped_budget=weddings)
    assert (entry.actual_delta, entry.metadata, entry.actor.email) == (
        Decimal("1200.5"),
        {"shop": "Meyer"},
        entry.actor.email,
    )
    page = client.get(reverse("admin:budgets_ledgerentry_change", args=[entry.pk])).content.decode()
    assert "shop: Meyer" in page
    assert "Take it back" in page

    take_back = reverse("admin:budgets_ledgerentry_take_back", args=[entry.pk])
    assert client.post(take_back, {"reason": ""}).status_code == 400
    taken = client.post(take_back, {"reason": "The wrong team"})
    assert taken.url.endswith(f"?company_budget={weddings.pk}")
    assert client.post(take_back, {"reason": "Again"}).status_code == 409
    listed = client.get(taken.url)
    assert [(row.seq, row.actual_delta, row.description) for row in listed.context["cl"].result_list] == [
        (2, Decimal("-1200.5"), "The wrong team"),
        (1, Decimal("1200.5"), "Chairs"),
    ]
    assert (
        "Take it back" not in client.get(reverse("admin:budgets_ledgerentry_change", args=[entry.pk])).content.decode()
    )
    assert verify_ledger() == []


def test_the_ledger_shows_usage_beside_entries_of_events_and_of_what_was_deleted(account, owner, client, tree, now):
    budget = make_budget(account, owner, event=make_event(account, owner, name="Spring party"), total="100")
    make_line(budget, owner, budgeted_amount="50", actual_amount="20")
    gone = make_scoped_budget(account, owner, name="Gone", start_date=now.date())
    spend(gone, owner, 3, now=now)
    delete_scoped_budget(budget_id=gone.pk, acting_user=owner, now=now)

    page = client.get(reverse("admin:budgets_ledgerentry_changelist")).content.decode()

    for words in ("Spring party", "Catering", "50.123456", "a deleted budget"):
        assert words in page, words


def test_counting_anew_says_whether_anything_differed_and_mends_it(client, tree):
    catering = tree[2]
    address = reverse("admin:budgets_scopedbudget_count_anew", args=[catering.pk])
    assert client.get(address).status_code == 200

    assert told(client.post(address))[-1] == "Every figure was right: nothing differed from the entries."

    BudgetWindow.objects.filter(budget=catering).update(actual_amount=5)
    said = told(client.post(address))[-1]
    assert said.startswith("Put right: actual_amount in the window from")
    assert verify_ledger() == []


def test_periods_sum_up_what_connections_have_counted_apart(client, tree):
    season = tree[0]
    window = BudgetWindow.objects.get(budget=season)
    shards = [window.shard, window.shard + 1]
    BudgetWindow.objects.create(
        budget=season,
        window_start=window.window_start,
        window_end=window.window_end,
        shard=shards[1],
        actual_amount=Decimal("9.5"),
        entries_count=2,
    )

    [row] = (
        client.get(f"{reverse('admin:budgets_budgetwindow_changelist')}?budget={season.pk}").context["cl"].result_list
    )

    assert (row.whole_actual_amount, row.whole_entries_count) == (Decimal("1019.623456"), 4)
    assert client.get(reverse("admin:budgets_budgetwindow_change", args=[row.pk])).status_code == 200


def test_reservations_are_released_one_by_one_and_together(owner, client, tree, now):
    weddings = tree[1]
    held = [
        reserve(budget_id=weddings.pk, amount=Decimal(amount), ttl_seconds=600, acting_user=owner, now=now)
        for amount in (100, 20, 3)
    ]
    release = reverse("admin:budgets_reservation_release_one", args=[held[0].pk])
    assert "100.00 USD" in client.get(release).content.decode()

    one = client.post(release)
    rows = {"action": "release_rows", "_selected_action": [str(each.pk) for each in held], "confirmed": "yes"}
    several = client.post(reverse("admin:budgets_reservation_changelist"), rows)

    assert told(one)[-1] == "100.00 USD are no longer reserved."
    assert told(several)[-1] == "2 released, 1 held nothing any more."
    assert set(Reservation.objects.values_list("status", flat=True)) == {"released"}
    assert verify_ledger() == []


def test_staff_record_and_release_and_change_nothing_else(account, member_client, tree, owner, now):
    weddings = tree[1]
    staff = member_client(Role.STAFF)
    page = staff.get(page_of(weddings)).content.decode()

    assert 'name="amount"' not in page
    assert "1,000.00 " in page
    assert "Record usage" in page
    assert staff.post(page_of(weddings), posted(weddings, amount="1")).status_code == 403
    for name in ("delete", "restore_row"):
        assert staff.post(reverse(f"admin:budgets_scopedbudget_{name}", args=[weddings.pk])).status_code == 403
    assert staff.get(reverse("admin:budgets_scopedbudget_add")).status_code == 403
    assert staff.get(reverse("admin:budgets_scopedbudget_record_usage", args=[weddings.pk])).status_code == 200
    assert ScopedBudget.objects.get(pk=weddings.pk).version == 1
