"""The pages of analytics: each figure leads to the rows behind it, each table is a file, nobody sees others' money."""

import csv
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from html import unescape
from io import BytesIO

import pytest
from openpyxl import load_workbook

from budgets.models import EntryKind
from budgets.services import ledger
from budgetsite.accounts.roles import Role
from budgetsite.pages.charts import column_chart, round_step, stacked
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.people import make_member, sign_in

PLACES = ("", "trends", "categories", "payments", "clients", "events", "accuracy", "overspend", "movements", "lines")


@pytest.fixture
def party(account, owner):
    """An overspent party of a client, with something billed and overdue."""
    begins = datetime.now(UTC) - timedelta(days=3)
    event = make_event(
        account,
        owner,
        name="O'Brien <b>party</b>",
        event_date=begins,
        registration_start_date=begins,
        registration_end_date=begins,
        client=make_member(account, Role.CLIENT, name="Ola O'Brien").user,
    )
    budget = make_budget(account, owner, total="100", event=event)
    line = make_line(budget, owner, name="Hall", budgeted_amount=Decimal(100))
    ledger.post(
        budget_id=budget.pk,
        line_item_id=line.pk,
        kind=EntryKind.ACTUAL,
        currency="CAD",
        source="manual",
        actual_delta=Decimal("120.50"),
    )
    make_expense(budget, owner, line_item=line, description="Roses", amount=Decimal(5), stage="invoiced")
    return budget


def page(client, path, status=200):
    response = client.get(path)
    assert response.status_code == status, path
    return unescape(re.sub(r"\s+", " ", response.content.decode())) if status == 200 else ""


def links(html):
    return re.findall(r'<a[^>]*href="(/analytics/[^"]+)"', html)


def test_every_figure_leads_somewhere_and_what_it_leads_to_has_rows(party, account, owner):
    client = sign_in(owner, account)
    found = {link for place in PLACES for link in links(page(client, f"/analytics/{place}"))}
    behind = sorted(path for path in found if re.match(r"/analytics/(movements|lines|expenses)\?", path))
    assert len(behind) > 5
    for path in behind:
        assert "O'Brien <b>party</b>" in page(client, path) or "expenses?" in path, path


def test_the_overview_answers_first(party, account, owner):
    html = page(sign_in(owner, account), "/analytics/")
    assert "25.50 <small>CAD</small> over, in 1 event" in html
    assert '<svg class="chart" width="100%"' in html
    assert 'role="img"' in html
    # Names are data, and the policy allows no script or style in a page.
    raw = sign_in(owner, account).get("/analytics/clients").content.decode()
    assert "<b>party" not in raw
    assert not re.search(r"<style|<script(?![^>]*\bsrc=)|\sstyle=|\son\w+=", raw + html)


def test_profit_and_loss_says_what_is_left(party, account, owner):
    html = page(sign_in(owner, account), f"/analytics/events/{party.event_id}")
    assert "125.50 <small>CAD</small> loss" in html
    assert "Expense" in html


@pytest.mark.parametrize(
    ("place", "table"), [("clients", "clients"), ("accuracy", "event types"), ("trends", "months")]
)
def test_a_table_is_a_file_with_the_same_figures(place, table, party, account, owner):
    client = sign_in(owner, account)
    asked = {"table": table, "format": "csv"}
    rows = list(csv.reader(client.get(f"/analytics/{place}", asked).content.decode("utf-8-sig").splitlines()))
    book = load_workbook(BytesIO(client.get(f"/analytics/{place}", asked | {"format": "xlsx"}).content))
    sheet = [[cell.value for cell in row] for row in book.active.iter_rows()]
    assert sheet[0] == rows[0]
    assert len(sheet) == len(rows)
    if place == "clients":
        assert rows[1] == ["Ola O'Brien", "1", "1", "100.00", "0.00", "125.50", "-25.50", "25.50", "CAD"]
    assert client.get(f"/analytics/{place}", {"table": "others", "format": "csv"}).status_code == 404
    assert client.get(f"/analytics/{place}", {"table": table, "format": "exe"}).status_code == 404


def test_an_organizer_sees_their_own_and_clients_nothing(party, account, organizer, member_client):
    theirs = sign_in(organizer, account)
    for place in PLACES:
        assert "O'Brien" not in page(theirs, f"/analytics/{place}"), place
    assert "No budget to learn from yet" in page(theirs, "/analytics/")
    page(theirs, f"/analytics/events/{party.event_id}", status=404)
    page(theirs, f"/budgets/{party.pk}/typical-shares", status=404)
    for role in (Role.CLIENT, Role.ATTENDEE):
        for place in PLACES:
            page(member_client(role), f"/analytics/{place}", status=403)


def test_a_plan_is_taken_in_beside_what_is_typical(account, owner):
    wedding = make_budget(account, owner, event=make_event(account, owner, event_type="WEDDING"))
    make_line(wedding, owner, category="Venue", budgeted_amount=Decimal(450))
    client = sign_in(owner, account)
    path = f"/budgets/{wedding.pk}/typical-shares"
    assert f'hx-get="{path}"' in page(client, f"/budgets/{wedding.pk}")
    assert "You plan 100% for Venue; 40% is typical." in page(client, path)
    part = client.get(path, headers={"HX-Request": "true"}).content.decode()
    assert part.lstrip().startswith("<section")


def test_what_can_not_be_read_narrows_nothing(party, account, owner):
    query = "?currency=EEK&event_type=PARTY&client=me&from=yesterday&to=0001-01-01&older=x"
    assert "25.50 <small>CAD</small> over" in page(sign_in(owner, account), f"/analytics/{query}")
    assert "No event fits" in page(sign_in(owner, account), "/analytics/?event_type=GIFTING")


def test_columns_keep_to_a_scale_of_round_numbers():
    chart = column_chart([("Jan", Decimal(0)), ("Feb", Decimal("9775.40")), ("Mar", Decimal(-1200))])
    assert [tick.label for tick in chart.ticks] == ["−5,000", "0", "5,000", "10,000"]
    top, zero = chart.ticks[-1].y, chart.baseline
    assert [(column.height, column.is_negative) for column in chart.columns] == [(0, False), (109, False), (13, True)]
    assert (top, zero) == (24, 136)
    assert chart.columns[1].y == zero - 109
    empty = column_chart([("Jan", Decimal(0))])
    assert [tick.label for tick in empty.ticks] == ["0", "1"]
    assert [str(round_step(Decimal(least))) for least in ("0", "0.3", "1", "2.1", "240", "600")] == [
        "1",
        "0.5",
        "1",
        "5",
        "500",
        "1000",
    ]
    shown = [(one.kind, one.x, one.width) for one in stacked([("paid", "", Decimal(1)), ("soon", "", Decimal(3))])]
    assert shown == [("paid", "0.000%", "25.000%"), ("soon", "25.000%", "75.000%")]
