"""Reports of scoped budgets: everything that counts, by days of the zone, by what is known of it, and its shares."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest

from budgets.models import EntryKind, EventBudget, LedgerEntry
from budgets.selectors.report_groups import UnknownGrouping, read_grouping
from budgets.selectors.report_range import RangeProblem, TimeRange, days_between, named_range
from budgets.selectors.report_rows import entries_behind, entries_of_spender
from budgets.selectors.scoped_reports import MOST_GROUPS, scoped_report, shares_of
from budgets.services import ledger
from budgets.services.reservation import reserve
from budgets.services.scoped_budget import delete_scoped_budget
from budgets.services.usage import reverse_usage
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.statements import statements_of
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import make_member
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend, standing

NEW_YORK = ZoneInfo("America/New_York")
# A leap year, and eight days after the clocks went forward.
NOW = datetime(2028, 3, 20, 16, tzinfo=UTC)


def there(month, day, hour=12, minute=0, second=0):
    return datetime(2028, month, day, hour, minute, second, tzinfo=NEW_YORK)


@pytest.fixture
def season(account, owner):
    """10,000.00 CAD of 2028 in New York."""
    return make_scoped_budget(
        account,
        owner,
        currency="CAD",
        amount=Decimal(10_000),
        period="annual",
        start_date=date(2028, 1, 1),
        timezone="America/New_York",
        tags=["q1", "food"],
    )


@pytest.fixture
def kitchen(account, owner, season):
    return make_scoped_budget(
        account,
        owner,
        name="Kitchen",
        scope_type="team",
        scope_id="kitchen",
        currency="CAD",
        parent_id=season.pk,
        start_date=date(2028, 1, 1),
        amount=Decimal(5000),
        tags={"department": "food", "floor": "2"},
    )


@pytest.fixture
def ovens(account, owner, kitchen):
    return make_scoped_budget(
        account,
        owner,
        name="Ovens",
        scope_type="project",
        scope_id="ovens",
        currency="CAD",
        parent_id=kitchen.pk,
        start_date=date(2028, 1, 1),
        amount=Decimal(5000),
    )


@pytest.fixture
def months(account, owner, season, kitchen, ovens):
    """Three months of spending: 100 in January, 160 in February, 69.50 in March; an event promises 30."""
    chef = make_member(account, Role.STAFF, name="Ana Chef").user

    def use(budget, amount, at, **fields):
        return spend(budget, fields.pop("user", owner), amount, timestamp=at, now=NOW, **fields)

    use(season, 100, there(1, 31, 23, 59, 59), source="import", metadata={"model": "large", "user": "ana"})
    use(kitchen, 60, there(2, 1, 0), user=chef, metadata={"model": "small"})
    # The last second of the leap day there is the first of March in UTC.
    use(ovens, 100, there(2, 29, 23, 59, 59), user=chef, metadata={"model": "large"})
    use(ovens, "30.000001", there(3, 1, 0), source="api", machine="Relay", metadata={"model": "small"})
    # 12 March has 23 hours.
    use(ovens, "9.499999", there(3, 12, 23, 59, 59), source="api", machine="Relay")
    taken_back = use(kitchen, 15, there(3, 13, 0)).entry
    reverse_usage(budget_id=kitchen.pk, entry_id=taken_back.pk, acting_user=owner, now=NOW)

    gala = make_budget(account, owner, total="1000", event=make_event(account, owner, name="Gala"))
    line = make_line(gala, owner)
    EventBudget.objects.filter(pk=gala.pk).update(funded_by=kitchen)
    post = {"budget_id": gala.pk, "line_item_id": line.pk, "currency": "CAD", "source": "expense"}
    ledger.post(**post, kind=EntryKind.COMMIT, committed_delta=Decimal(60), occurred_at=there(3, 14))
    deltas = {"committed_delta": Decimal(-30), "actual_delta": Decimal(30)}
    ledger.post(**post, kind=EntryKind.SETTLE, **deltas, occurred_at=there(3, 15))
    # What comes in is no spend.
    tickets = make_line(gala, owner, kind="income", name="Tickets")
    ledger.post(
        **{**post, "line_item_id": tickets.pk},
        kind=EntryKind.INCOME,
        actual_delta=Decimal(500),
        occurred_at=there(3, 15),
    )
    return gala


def report(budget, group_by="month", days=TimeRange.THIS_WINDOW, now=NOW):
    found_days = named_range(budget, days, now=now) if isinstance(days, TimeRange) else days
    return scoped_report(budget, days=found_days, grouping=read_grouping(group_by), now=now)


def groups(budget, group_by, days=TimeRange.THIS_WINDOW):
    found = report(budget, group_by, days)
    rows = [(group.key, f"{group.actual.normalize():f}", str(group.share)) for group in found.groups]
    assert sum(group.actual for group in found.groups) == found.actual
    assert sum(group.share or 0 for group in found.groups) in (0, 100)
    return rows


def test_months_hold_what_their_days_hold_there(season, months):
    found = report(season)
    assert [(g.key, g.actual, g.committed, g.entries) for g in found.groups[:4]] == [
        ("2028-01-01", 100, 0, 1),
        ("2028-02-01", 160, 0, 2),
        ("2028-03-01", Decimal("69.5"), 30, 6),
        ("2028-04-01", 0, 0, 0),
    ]
    assert [str(g.share) for g in found.groups[:4]] == ["30.35", "48.56", "21.09", "None"]
    assert (len(found.groups), found.others) == (12, None)
    assert (found.actual, found.committed, found.entries) == (Decimal("329.5"), 30, 9)


def test_days_of_a_leap_year_and_of_changing_clocks(season, months):
    days = days_between(season, date(2028, 2, 29), date(2028, 3, 13), now=NOW)
    found = report(season, "day", days)
    spent = {g.key: (str(g.actual.normalize()), g.entries) for g in found.groups if g.entries}
    assert spent == {
        "2028-02-29": ("1E+2", 1),
        "2028-03-01": ("30.000001", 1),
        "2028-03-12": ("9.499999", 1),
        "2028-03-13": ("0", 2),
    }
    assert (len(found.groups), found.groups[12].label, days.end - days.start) == (
        14,
        "12 Mar 2028",
        timedelta(days=14, hours=-1),
    )


def test_weeks_begin_on_monday_and_are_cut_by_the_range(season, months):
    found = report(season, "week", TimeRange.THIS_MONTH)
    assert [(g.key, g.first_day, g.last_day) for g in found.groups[:2]] == [
        ("2028-02-28", date(2028, 3, 1), date(2028, 3, 5)),
        ("2028-03-06", date(2028, 3, 6), date(2028, 3, 12)),
    ]
    assert [str(g.actual) for g in found.groups] == ["30.000001", "9.499999", "30.000000", "0", "0"]
    assert found.groups[-1].last_day == date(2028, 3, 31)


def test_groups_of_all_kinds_add_up(season, kitchen, ovens, months):
    assert groups(season, "source") == [
        ("manual", "160", "48.56"),
        ("import", "100", "30.35"),
        ("api", "39.5", "11.99"),
        ("expense", "30", "9.10"),
    ]
    assert groups(season, "project") == [(None, "190", "57.66"), ("ovens", "139.5", "42.34")]
    assert groups(season, "team") == [("kitchen", "229.5", "69.65"), (None, "100", "30.35")]
    # The kitchen's calendar is UTC's: there the last second of the leap day is in March.
    assert groups(kitchen, "organization") == [("us", "169.5", "100.00")]
    assert groups(season, "event") == [(None, "299.5", "90.90"), (str(months.event_id), "30", "9.10")]
    assert groups(season, "kind") == [
        ("actual", "314.5", "91.29"),
        ("settle", "30", "8.71"),
        ("commit", "0", "None"),
        ("adjust", "-15", "None"),
    ]
    assert groups(season, "budget") == [
        (str(ovens.pk), "139.5", "42.34"),
        (str(season.pk), "100", "30.35"),
        (str(kitchen.pk), "90", "27.31"),
    ]
    assert [group.label for group in report(season, "budget").groups] == ["Ovens", "Season", "Kitchen"]
    assert [group.label for group in report(season, "event").groups] == ["Not for an event", "Gala"]


def test_tags_are_those_of_the_nearest_budget_that_has_them(season, months):
    assert groups(season, "tag:department") == [("food", "229.5", "69.65"), (None, "100", "30.35")]
    assert groups(season, "tag:q1") == [("q1", "329.5", "100.00")]
    assert groups(season, "tag") == [("food, q1", "329.5", "100.00")]


def test_a_bare_name_that_is_no_other_is_a_metadata_key(season, months):
    known = [("large", "200", "60.70"), ("small", "90.000001", "27.31"), (None, "39.499999", "11.99")]
    assert groups(season, "model") == groups(season, "metadata:model") == known
    # A word of the list means what it says there; the metadata key of that name is asked for in full.
    assert groups(season, "metadata:user") == [(None, "229.5", "69.65"), ("ana", "100", "30.35")]
    assert groups(season, "user") == [(None, "329.5", "100.00")]
    for text in ("", "tag:", "metadata:", "x" * 101, "a\x00b"):
        with pytest.raises(UnknownGrouping):
            read_grouping(text)
    # A key that looks like SQL is a key.
    assert groups(season, "a' || (SELECT 1) --%s") == [(None, "329.5", "100.00")]


def test_spenders_are_people_and_machines(season, months, owner):
    found = report(season)
    assert [(s.name, s.machine, str(s.actual.normalize()), s.entries, str(s.share)) for s in found.spenders] == [
        ("Ana Chef", "", "1.6E+2", 2, "48.56"),
        (str(owner), "", "1E+2", 3, "30.35"),
        ("Relay", "Relay", "39.5", 2, "11.99"),
        ("Budgetsite", "", "3E+1", 2, "9.10"),
    ]
    assert found.other_spenders is None


@pytest.mark.parametrize(("name", "budget_name"), [("this_window", "season"), ("last_window", "kitchen")])
def test_totals_are_the_figures_of_the_status(request, months, owner, name, budget_name):
    budget = request.getfixturevalue(budget_name)
    held = reserve(
        budget_id=months.funded_by_id or budget.pk, amount=Decimal(7), ttl_seconds=60, acting_user=owner, now=NOW
    )
    if name == "this_window":
        at = NOW
        found = report(budget)
    else:
        at = there(2, 10).astimezone(UTC)
        found = report(budget, days=TimeRange.LAST_WINDOW)
    figures = standing(budget, now=at).figures
    assert (found.actual, found.promised, found.entries) == (figures.actual, figures.promised, figures.entries)
    assert found.reserved == (held.amount if name == "this_window" else 0)
    # Nobody has freed it yet, and it counts no more.
    later = NOW + timedelta(minutes=1)
    assert report(budget, now=later).promised == standing(budget, now=later).figures.promised == 30


def test_what_was_spent_from_a_deleted_budget_still_counts(season, ovens, months, owner):
    delete_scoped_budget(budget_id=ovens.pk, acting_user=owner, now=NOW)
    assert groups(season, "project") == [(None, "190", "57.66"), ("ovens", "139.5", "42.34")]


def test_a_rival_accounts_money_is_no_part_of_it(season, months, other_account):
    other_owner = make_member(other_account, Role.OWNER).user
    with tenant_scope(other_account.pk):
        rival = make_scoped_budget(other_account, other_owner, start_date=date(2028, 1, 1), period="annual")
        spend(rival, other_owner, 999, timestamp=there(3, 1), now=NOW)
        assert report(season).entries == 0
        assert report(rival).actual == 999
    assert report(season).actual == Decimal("329.5")


@pytest.mark.parametrize(
    "group_by", ["month", "source", "kind", "event", "budget", "team", "project", "tag", "tag:floor", "model"]
)
def test_the_rows_behind_a_group_are_what_it_sums_up(season, months, group_by):
    found = report(season, group_by)
    for group in found.groups:
        days = found.range
        if group.first_day is not None:
            days = days_between(season, group.first_day, group.last_day, now=NOW)
        rows = entries_behind(season, days=days, grouping=found.grouping, key=group.key)
        assert (sum(row.actual_delta for row in rows), len(rows)) == (group.actual, group.entries), group.label
    for one in found.spenders:
        rows = entries_of_spender(season, days=found.range, machine=one.machine, actor_id=one.actor_id)
        assert (sum(row.actual_delta for row in rows), len(rows)) == (one.actual, one.entries), one.name


def test_beyond_the_largest_groups_the_rest_is_one_sum(season, owner):
    for number in range(MOST_GROUPS + 5):
        spend(season, owner, 1 + (number < MOST_GROUPS), timestamp=there(2, 2), now=NOW, metadata={"n": str(number)})
    found = report(season, "n")
    assert (len(found.groups), {group.actual for group in found.groups}) == (MOST_GROUPS, {2})
    assert (found.others.groups, found.others.actual, found.others.entries) == (5, 5, 5)
    assert sum(group.share for group in found.groups) + found.others.share == 100


def test_shares_add_up_whatever_the_amounts_are():
    assert shares_of([Decimal(1)] * 3) == [Decimal("33.34"), Decimal("33.33"), Decimal("33.33")]
    assert shares_of([Decimal(5), Decimal(-5), Decimal(0)]) == [100, None, None]
    assert shares_of([Decimal(-5), Decimal(0)]) == [None, None]
    assert shares_of([]) == []


@pytest.mark.parametrize(
    ("name", "first", "day_after"),
    [
        ("today", date(2028, 3, 20), date(2028, 3, 21)),
        ("7d", date(2028, 3, 14), date(2028, 3, 21)),
        ("30d", date(2028, 2, 20), date(2028, 3, 21)),
        ("90d", date(2027, 12, 22), date(2028, 3, 21)),
        ("this_month", date(2028, 3, 1), date(2028, 4, 1)),
        ("last_month", date(2028, 2, 1), date(2028, 3, 1)),
        ("this_quarter", date(2028, 1, 1), date(2028, 4, 1)),
        ("this_year", date(2028, 1, 1), date(2029, 1, 1)),
        ("this_window", date(2028, 2, 29), date(2028, 3, 31)),
        ("last_window", date(2028, 1, 31), date(2028, 2, 29)),
    ],
)
def test_names_of_ranges(account, owner, name, first, day_after):
    budget = make_scoped_budget(account, owner, start_date=date(2028, 1, 31), timezone="America/New_York")
    found = named_range(budget, TimeRange(name), now=NOW)
    assert (found.first_day, found.day_after) == (first, day_after)
    midnight = datetime.combine(first, datetime.min.time(), NEW_YORK)
    assert found.start == midnight


def test_days_that_cannot_be_meant_are_refused_by_their_field(season):
    def refused(first, last, group_by="month"):
        with pytest.raises(RangeProblem) as problem:
            report(season, group_by, days_between(season, first, last, now=NOW))
        return problem.value.field

    assert refused(None, date(2028, 1, 1)) == "start_date"
    assert refused(date(2028, 1, 2), date(2028, 1, 1)) == "end_date"
    assert refused(date(1, 1, 1), date(2028, 1, 1)) == "start_date"
    assert refused(date(2018, 1, 1), date(2028, 3, 1)) == "start_date"
    assert refused(date(2027, 1, 1), date(2028, 3, 1), "day") == "group_by"
    assert days_between(season, date(2028, 3, 1), None, now=NOW).last_day == date(2028, 3, 20)


def test_one_statement_whatever_there_is(season, kitchen, months, owner):
    few = statements_of(lambda: report(season, "model"))
    assert len([sql for sql in few if "set_config" not in sql]) == 1

    LedgerEntry.objects.bulk_create(
        [
            LedgerEntry(
                scoped_budget=kitchen,
                kind=EntryKind.ACTUAL,
                actual_delta=Decimal("0.01"),
                currency="CAD",
                source="api",
                occurred_at=there(2, 1) + timedelta(minutes=number),
                metadata={"model": f"m{number % 7}"},
            )
            for number in range(1000)
        ],
    )
    found = report(season, "model")
    assert (found.entries, found.actual) == (1009, Decimal("339.5"))
    assert len(statements_of(lambda: report(season, "day", TimeRange.LAST_30_DAYS))) == len(few)
