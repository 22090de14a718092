"""The pages of a company budget's report and forecast: figures that lead to their rows, files, and who is let in."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.utils import timezone

from budgets.models import EntryKind, EventBudget
from budgets.services import ledger
from budgetsite.accounts.roles import Role
from budgetsite.pages.course_chart import course_chart
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.statements import statements_of
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend


@pytest.fixture
def season(account, owner):
    """10,000.00 CAD a year, begun thirty days ago; 75.50 were spent today under it, 40 are promised."""
    now = timezone.now()
    begun = now.date() - timedelta(days=30)
    fields = {"currency": "CAD", "period": "annual", "start_date": begun, "amount": Decimal(10_000)}
    top = make_scoped_budget(account, owner, **fields)
    team = {"scope_type": "team", "scope_id": "kitchen", "parent_id": top.pk, "tags": {"department": "O'Food <b>"}}
    kitchen = make_scoped_budget(account, owner, name="Kitchen <b>", **team, **fields)
    spend(top, owner, "12.50", now=now, metadata={"model": "large"}, description="Paper")
    spend(kitchen, owner, 33, now=now, source="api", machine="Relay", description="Robot")
    day = now + timedelta(days=5)
    window = {"registration_start_date": day - timedelta(days=9), "registration_end_date": day}
    gala = make_budget(account, owner, event=make_event(account, owner, name="O'Gala", event_date=day, **window))
    line = make_line(gala, owner)
    EventBudget.objects.filter(pk=gala.pk).update(funded_by=kitchen)
    post = {"budget_id": gala.pk, "line_item_id": line.pk, "currency": "CAD", "source": "manual", "occurred_at": now}
    ledger.post(**post, kind=EntryKind.ACTUAL, actual_delta=Decimal(30))
    ledger.post(**post, kind=EntryKind.COMMIT, committed_delta=Decimal(40))
    return top


def text_of(client, path, status=200):
    response = client.get(path)
    assert response.status_code == status, path
    return unescape(re.sub(r"\s+", " ", response.content.decode()))


def spent_in(html):
    cells = re.findall(r'data-label="Spent"> ?([+−\d.,]+|–)', html)
    return sum(Decimal(cell.replace("−", "-").replace(",", "")) for cell in cells if cell != "–")


def test_every_figure_leads_to_rows_that_add_up_to_it(season, account, owner):
    html = text_of(sign_in(owner, account), f"/company-budgets/{season.pk}/report?group_by=tag_key&key=department")
    found = dict(re.findall(r'data-label="Spent"> <a href="(/company-budgets/[^"]+)"> ([−\d.,]+) </a>', html))
    # Two groups, all together, a person, a machine, and the site itself.
    assert sorted(found.values()) == ["12.50", "12.50", "30.00", "33.00", "63.00", "75.50"]
    for address, figure in found.items():
        assert spent_in(text_of(sign_in(owner, account), address)) == Decimal(figure), address


def test_a_table_is_a_file(season, account, owner):
    client = sign_in(owner, account)
    path = f"/company-budgets/{season.pk}/report?group_by=tag_key&key=department&table=groups&format="
    assert client.get(path + "csv").content.decode("utf-8-sig").splitlines()[1:] == [
        "O'Food <b>,O'Food <b>,63.00,40.00,3,83.44,CAD",
        "Not said,,12.50,0.00,1,16.56,CAD",
    ]
    assert client.get(path + "xlsx").status_code == 200
    assert client.get(path + "pdf").status_code == 404


def test_names_are_data(season, account, owner):
    raw = sign_in(owner, account).get(f"/company-budgets/{season.pk}/report?group_by=budget").content.decode()
    assert "Kitchen &lt;b&gt;" in raw
    assert not re.search(r"<b>|<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", raw)


def test_what_cannot_be_meant_is_said_at_its_field(season, account, owner):
    client = sign_in(owner, account)
    base = f"/company-budgets/{season.pk}/report"
    assert "Give the first day." in text_of(client, f"{base}?time_range=days", 422)
    assert "Say its name, such as model" in text_of(client, f"{base}?group_by=metadata", 422)
    far = "time_range=days&start_date=2020-01-01&end_date=2026-01-01&group_by=day"
    assert "group by week or month" in text_of(client, f"{base}?{far}", 422)
    assert client.get(f"{base}/entries?time_range=days").status_code == 404
    assert client.get(f"{base}/entries?by=spender&person=x&machine=%00").status_code == 200
    for query in ("group_by=event&value=x", "group_by=metadata&key=model&value=%00", "group_by=budget&value=x"):
        assert "No entry fits" in text_of(client, f"{base}/entries?{query}")


def test_the_empty_report_says_what_to_do(account, owner):
    budget = make_scoped_budget(account, owner)
    html = text_of(sign_in(owner, account), f"/company-budgets/{budget.pk}/report")
    assert "Nothing moved in this time" in html
    assert "Look at the whole year" in html


def test_a_forecast_shows_three_ways_with_their_assumptions(season, account, owner):
    html = text_of(sign_in(owner, account), f"/company-budgets/{season.pk}/forecast")
    # 75.50 in 30 days of 365; 40 are promised for the event's day.
    assert "918.58 <small>CAD</small>" in html
    assert "9,081.42 CAD would be left." in html
    assert "Money goes on being spent as on the 30 days so far: 2.52 CAD a day, all 365 days of the period." in html
    assert "115.50 <small>CAD</small>" in html
    assert "By open promises of 1 event" in html
    assert "A type of event needs three finished ones in the budget's currency." in html
    assert html.count("<polyline") == 3
    assert '<line class="chart__limit"' in html
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", html)


def test_too_early_is_said_in_words(account, owner):
    today = timezone.now().date()
    budget = make_scoped_budget(account, owner, period="annual", start_date=today)
    client = sign_in(owner, account)
    html = text_of(client, f"/company-budgets/{budget.pk}/forecast")
    assert "Too early to say: it needs three days of data or a tenth of the period." in html
    later = make_scoped_budget(account, owner, start_date=today + timedelta(days=9))
    assert "nothing can be foreseen before" in text_of(client, f"/company-budgets/{later.pk}/forecast")


def test_who_is_let_in(season, account, owner, other_account):
    stranger = make_member(other_account, Role.OWNER).user
    organizer = make_member(account, Role.ORGANIZER).user
    with tenant_scope(other_account.pk):
        rival = make_scoped_budget(other_account, stranger)
    for place in ("report", "report/entries", "forecast"):
        path = f"/company-budgets/{season.pk}/{place}"
        assert sign_in(organizer, account).get(path).status_code == 403
        assert sign_in(stranger, other_account).get(path).status_code == 404
        assert sign_in(owner, account).get(f"/company-budgets/{rival.pk}/{place}").status_code == 404


def test_as_many_statements_for_ten_budgets_as_for_two(season, account, owner):
    client = sign_in(owner, account)
    places = ("report?group_by=budget", "report/entries?any=1", "forecast")

    def count(place):
        return len(statements_of(lambda: client.get(f"/company-budgets/{season.pk}/{place}")))

    def ask():
        return [count(place) for place in places]

    before = ask()
    for number in range(8):
        below = make_scoped_budget(account, owner, name=f"B{number}", currency="CAD", parent_id=season.pk)
        spend(below, owner, 1, now=timezone.now())
    assert ask() == before


def test_the_course_is_drawn_on_a_scale_that_holds_the_limit():
    points = [(Decimal(0), Decimal(0)), (Decimal("0.5"), Decimal(250)), (Decimal(2), Decimal(-50))]
    chart = course_chart([("actual", points), ("none", [])], limit=Decimal(500), first_label="a", last_label="b")
    assert [tick.label for tick in chart.ticks] == ["−200", "0", "200", "400", "600"]
    assert [line.points for line in chart.lines] == ["0.00,150 50.00,98 100.00,160"]
    # 24 is the top of the plot, for 600; 192 its bottom, for −200.
    assert (chart.limit_y, chart.baseline, chart.ticks[0].y, chart.ticks[-1].y) == (45, 150, 192, 24)
