"""A budget's plan on paper: every line and sum to the cent, for the client and for the team."""

import io
import re
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pypdf import PdfReader

from budgets.models import EntryKind, EntrySource, EventBudget
from budgets.services import ledger
from budgets.services.event_budget import delete_event_budget
from budgets.services.line_item import add_line_items, delete_line_item, update_line_item
from budgets.services.plan_pdf import Audience, Paper, audience_of, print_plan
from budgets.tests.pages import address, browser, words
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import rest_client_of
from events.services import create_venue

NOW = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
A4, LETTER = (595, 842), (612, 792)


def printed(budget, *, audience=Audience.CLIENT, language="en", paper=None):
    file = print_plan(budget.pk, audience=audience, language=language, now=NOW, paper=paper)
    return PdfReader(io.BytesIO(file.content))


def pages_of(reader):
    """Return the words of each page, one space between them."""
    return [re.sub(r"[\s\u200b]+", " ", page.extract_text()) for page in reader.pages]


def text_of(reader):
    return " ".join(pages_of(reader))


def client_text(budget, **options):
    return text_of(printed(budget, **options))


def team_text(budget, **options):
    return text_of(printed(budget, audience=Audience.TEAM, **options))


def sizes_of(reader):
    return {(round(page.mediabox.width), round(page.mediabox.height)) for page in reader.pages}


@pytest.fixture
def go(account, owner, manager):
    def make(budget, *actions, **options):
        for action in actions:
            user, role = (manager, Role.MANAGER) if action == "approve" else (owner, Role.OWNER)
            move(budget, action, user=user, role=role, account=account, **options)

    return make


@pytest.fixture
def gala(account, owner):
    """A gala of 9,000.00 CAD: 8,420.50 on four lines, 579.50 on none, and a sponsor's 5,000.00."""
    guests = make_member(account, Role.CLIENT, name="Lucía Andersson").user
    venue = create_venue(acting_user=owner, name="Old Harbour Hall", city="Toronto", country="Canada")
    event = make_event(account, owner, client=guests, venue=venue, timezone="America/Toronto", expected_guests=1200)
    budget = make_budget(account, owner, total="9000", event=event)
    make_line(budget, owner, name="Hall", budgeted_amount="3200", actual_amount="3100.25", notes="Ask for the key")
    security = {"section": "Evening", "description": "Two people", "quantity": "32", "unit_price": "20.5"}
    make_line(budget, owner, name="Security", **security)
    make_line(budget, owner, category="Food & Beverage", name="Dinner", quantity="40.5", unit_price="100")
    make_line(budget, owner, category="Music", name="Band", budgeted_amount="514.5", actual_amount="600")
    sponsor = {"kind": "income", "budgeted_amount": "5000", "actual_amount": "4500"}
    make_line(budget, owner, category="Miscellaneous", name="Sponsor", **sponsor)
    return EventBudget.objects.get(pk=budget.pk)


def test_the_client_reads_every_line_with_its_sums(gala):
    text = client_text(gala)
    for row in (
        "Venue 3,856.00",
        "Hall 3,200.00",
        "Security Evening · Two people 32 × 20.50 656.00",
        "Food & Beverage 4,050.00",
        "Dinner 40.5 × 100.00 4,050.00",
        "Music 514.50",
        "Band 514.50",
        "Not given to a line 579.50",
        "Total 9,000.00",
    ):
        assert row in text
    # (The categories stand in the account's order.)
    places = [text.index(row) for row in ("Food & Beverage 4", "Dinner", "Venue 3", "Hall 3", "Security", "Music 5")]
    assert places == sorted(places)


def test_the_head_says_whose_event_it_is_when_and_where(account, gala):
    text = client_text(gala)
    assert account.name in text
    assert "Summer gala" in text
    assert "Date Wednesday 15 July 2026, 10:00 (America/Toronto)" in text
    assert "Venue Old Harbour Hall, Toronto, Canada" in text
    assert "Client Lucía Andersson" in text
    assert "Guests 1,200" in text
    assert "CA$9,000.00" in text
    assert text.count("CAD") == 1
    assert "Amounts are in CAD (Canadian Dollar)." in text


def test_the_client_reads_nothing_of_what_became_of_the_plan(gala):
    text = client_text(gala)
    for hidden in (
        *("3,100.25", "600.00", "3,700.25", "99.75", "85.50"),
        *("Actual", "Committed", "Variance", "Available", "Income", "Sponsor", "5,000.00", "4,500.00", "Result"),
        *("Ask for the key", "Note", "Internal"),
    ):
        assert hidden not in text
    assert gala.total_actual_amount == Decimal("3700.25")


def test_the_team_reads_all_figures(gala, owner):
    ledger.post(
        budget_id=gala.pk,
        kind=EntryKind.ACTUAL,
        actual_delta=Decimal("40.10"),
        currency=gala.currency,
        source=EntrySource.MANUAL,
    )
    text = team_text(gala)
    for row in (
        "Item Quantity × price Budgeted Actual Committed Variance",
        "Hall Note: Ask for the key 3,200.00 3,100.25 0.00 99.75",
        "Band 514.50 600.00 0.00 −85.50",
        "Music 514.50 600.00 0.00 −85.50",
        "Not given to a line 579.50 40.10 0.00 539.40",
        "Total 9,000.00 3,740.35 0.00 5,259.65",
        "Item Expected Received",
        "Sponsor 5,000.00 4,500.00",
        "Total income 5,000.00 4,500.00",
        "Result −4,000.00 759.65",
        "Internal, not for the client",
    ):
        assert row in text
    for figure in ("Budget CA$9,000.00", "Actual CA$3,740.35", "Committed CA$0.00", "Available CA$5,259.65"):
        assert figure in text


def test_sums_of_the_printed_lines_are_the_printed_totals(gala):
    text = team_text(gala)
    amount = r"−?[\d,]+\.\d\d"
    rows = re.findall(
        rf"(Hall Note|Security|Dinner|Band|Not given).*? ({amount}) ({amount}) {amount} {amount}(?! [−\d])", text
    )
    assert [name for name, *_ in rows] == ["Dinner", "Hall Note", "Security", "Band", "Not given"]

    def total(column):
        return sum(Decimal(row[column].replace(",", "").replace("−", "-")) for row in rows)

    assert total(1) == gala.total_budget_amount == Decimal(9000)
    assert total(2) == gala.total_actual_amount == Decimal("3700.25")


@pytest.mark.parametrize("audience", Audience)
def test_a_plan_that_nobody_approved_is_a_draft_on_every_page(go, gala, owner, audience):
    lines = [{"category": "Venue", "name": f"Chair {n}", "budgeted_amount": "1"} for n in range(60)]
    add_line_items(budget_id=gala.pk, acting_user=owner, line_items=lines)
    for actions, sentence in (((), "not approved yet"), (("submit",), "waits for approval")):
        go(gala, *actions)
        pages = pages_of(printed(gala, audience=audience))
        assert len(pages) > 1
        # (Once across the page, and once as a word in its head.)
        assert all(page.count("Draft") >= 2 for page in pages)
        assert sentence in pages[0]


def test_an_approved_plan_says_since_when_and_to_the_team_by_whom(go, gala, manager):
    go(gala, "submit", "approve")
    day = timezone.now().astimezone(timezone.get_fixed_timezone(0))
    text = client_text(gala)
    assert "Draft" not in text
    assert re.search(rf"Approved on \d+ \w+ {day.year}\. ", text)
    assert str(manager) not in text
    assert re.search(rf"Approved on \d+ \w+ {day.year} by {re.escape(str(manager))}\. ", team_text(gala))


def test_a_finalized_plan_is_closed(go, gala):
    go(gala, "submit", "approve", "activate")
    go(gala, "finalize", reason="Done", override=True)
    assert "The books of the event are closed." in client_text(gala)


def test_under_revision_the_approved_plan_is_printed(go, gala, owner):
    go(gala, "submit", "approve")
    go(gala, "revise", reason="More guests")
    hall, security = gala.line_items.order_by("sort_order")[:2]
    version = EventBudget.objects.get(pk=gala.pk).version
    update_line_item(
        budget_id=gala.pk,
        line_item_id=hall.pk,
        version=version,
        acting_user=owner,
        name="Palace",
        budgeted_amount=Decimal(3300),
    )
    delete_line_item(budget_id=gala.pk, line_item_id=security.pk, acting_user=owner, now=NOW)
    make_line(gala, owner, name="Fireworks", budgeted_amount="500", actual_amount="70")
    make_line(gala, owner, name="Balloons", budgeted_amount="30")
    text = client_text(gala)
    assert "This plan is in force; a revision of it is being worked on." in text
    assert "Revision 1" in text
    assert "Draft" not in text
    for row in ("Venue 3,856.00", "Hall 3,200.00", "Security Evening · Two people 32 × 20.50 656.00", "Total 9,000.00"):
        assert row in text
    for new in ("Palace", "Balloons", "3,300.00", "Revision 2"):
        assert new not in text
    # A line without a share of the plan stands there once money has moved on it.
    assert "Fireworks 0.00" in text
    team = team_text(gala)
    assert "Fireworks 0.00 70.00 0.00 −70.00" in team
    assert "Balloons" not in team
    assert "Total 9,000.00 3,770.25 0.00 5,229.75" in team


def test_spending_that_nobody_planned_says_so_in_words(gala, owner):
    make_expense(gala, owner, role=Role.OWNER, category="Transport", amount=Decimal(80), stage="invoiced")
    assert "Transport Not in the plan 0.00 80.00" in team_text(gala)
    assert "Transport Not in the plan 0.00" in client_text(gala)


def test_the_foot_has_the_day_the_edition_and_the_page(gala):
    [page] = pages_of(printed(gala))
    assert f"Printed on 1 June 2026 · Revision 1 · version {gala.version}" in page
    assert "Page 1 of 1" in page


@pytest.mark.parametrize(
    ("currency", "amount", "row", "total"),
    [
        ("JPY", "1234567", "Hall 1,234,567", "¥1,234,567"),
        ("USD", "1234.5", "Hall 1,234.50", "$1,234.50"),
        ("KWD", "1234.567", "Hall 1,234.567", "KWD 1,234.567"),
    ],
)
def test_amounts_have_the_decimals_of_their_currency(account, owner, currency, amount, row, total):
    budget = make_budget(account, owner, total=None, event=make_event(account, owner, currency=currency))
    make_line(budget, owner, budgeted_amount=amount)
    text = client_text(budget)
    assert f"{row} " in text
    assert f"Total {total} " in text


def test_amounts_are_written_as_in_the_readers_language(account, owner):
    budget = make_budget(account, owner, total=None, event=make_event(account, owner, currency="EUR"))
    make_line(budget, owner, budgeted_amount="1234.5")
    text = client_text(budget, language="de")
    assert "Hall 1.234,50" in text
    assert "1.234,50 €" in text
    assert printed(budget, language="de").trailer["/Root"]["/Lang"].startswith("de")


def test_the_largest_amounts_fit_their_columns(account, owner):
    budget = make_budget(account, owner, total=None, event=make_event(account, owner, currency="KWD"))
    make_line(budget, owner, budgeted_amount="999999999999.999", actual_amount="999999999999.999")
    text = team_text(budget)
    assert "Hall 999,999,999,999.999 999,999,999,999.999 0.000 0.000" in text


@pytest.mark.parametrize(
    "name",
    [
        '#read("/etc/passwd")',
        "*bold* _it_ $x^2$ `raw` <label> @ref",
        "<script>alert(1)</script>",
        r"\end{document} \u{1F600}",
        "= Heading - 50 % / // comment",
        '"; #plan.event [x] {y}',
    ],
)
def test_names_that_look_like_commands_are_printed_as_typed(account, owner, name):
    event = make_event(account, owner, name=name)
    budget = make_budget(account, owner, total=None, event=event)
    make_line(budget, owner, name=name, section=name, description=name, notes=name)
    text = team_text(budget).replace(" ", "")
    assert text.count(name.replace(" ", "")) == 5
    assert printed(budget).metadata.title == f"{name} – budget"


@pytest.mark.parametrize("name", ["Привет мир", "Ελληνικά", "עברית", "会場の装飾", "한국어 초대", "Łódź Åse Nguyễn"])
def test_names_in_any_script_are_printed(account, owner, name):
    budget = make_budget(account, owner, total=None, event=make_event(account, owner, name=name))
    make_line(budget, owner, name=name)
    assert client_text(budget).count(name) == 2


def test_right_to_left_names_are_shaped_and_emoji_do_not_stop_the_press(account, owner):
    budget = make_budget(account, owner, total=None, event=make_event(account, owner, name="حفل زفاف 🎉"))
    make_line(budget, owner, name="قاعة الاحتفالات (VIP)", budgeted_amount="5")
    reader = printed(budget)
    [page] = reader.pages
    fonts = [font.get_object()["/BaseFont"] for font in page["/Resources"]["/Font"].values()]
    assert any("NotoSansArabic" in name for name in fonts)
    assert "VIP" in page.extract_text()
    assert reader.metadata.title == "حفل زفاف – budget"


def test_a_name_without_spaces_stays_in_its_column(account, owner):
    budget = make_budget(account, owner, total=None)
    make_line(budget, owner, name="x" * 200, budgeted_amount="5")
    [page] = printed(budget).pages
    runs = [run.replace("\u200b", "").strip() for run in page.extract_text().splitlines() if "xxxx" in run]
    assert len(runs) > 2
    assert sum(run.count("x") for run in runs) == 200
    assert max(len(run) for run in runs) < 90


def test_long_descriptions_keep_their_line_breaks_and_run_on(account, owner):
    budget = make_budget(account, owner, total=None)
    description = "\n".join(f"Paragraph {n}" for n in range(120))
    make_line(budget, owner, description=description)
    pages = pages_of(printed(budget))
    assert len(pages) > 1
    assert re.findall(r"Paragraph (\d+)", " ".join(pages)) == [str(n) for n in range(120)]


@pytest.mark.parametrize("audience", Audience)
def test_a_thousand_lines_take_seconds_and_as_many_statements_as_one(account, owner, audience):
    budget = make_budget(account, owner, total=None)
    make_line(budget, owner, budgeted_amount="1")

    def statements():
        with CaptureQueriesContext(connection) as asked:
            printed(budget, audience=audience)
        return len(asked)

    with_one = statements()
    assert with_one == 2
    lines = [
        {"category": ("Venue", "Music")[n % 2], "name": f"Line no. {n}.", "budgeted_amount": "10.01"}
        for n in range(999)
    ]
    add_line_items(budget_id=budget.pk, acting_user=owner, line_items=lines)
    assert statements() == with_one
    began = datetime.now(UTC)
    pages = pages_of(printed(budget, audience=audience))
    assert (datetime.now(UTC) - began).total_seconds() < 20
    text = " ".join(pages)
    assert {int(number) for number in re.findall(r"Line no\. (\d+)\.", text)} == set(range(999))
    assert "Total 10,000.99" in text
    # Each page repeats the heads of the columns and the category that runs on, and counts.
    for number, page in enumerate(pages, start=1):
        assert f"Page {number} of {len(pages)}" in page
    for page in pages[1:-1]:
        assert page.count("Item ") == 1
        assert re.search(r"(Venue|Music) [45],\d{3}\.\d\d", page)


def test_an_empty_budget_is_a_page_that_says_so(account, owner):
    [page] = pages_of(printed(make_budget(account, owner, total="500")))
    assert "This plan has no lines yet." in page
    assert "Total 500.00" in page


def test_paper_follows_the_account_unless_it_is_asked_for(account, owner):
    budget = make_budget(account, owner)
    assert account.currency == "CAD"
    assert sizes_of(printed(budget)) == {LETTER}
    assert sizes_of(printed(budget, paper=Paper.A4)) == {A4}
    assert sizes_of(printed(budget, audience=Audience.TEAM)) == {LETTER[::-1]}
    account.currency = "EUR"
    account.save()
    assert sizes_of(printed(budget)) == {A4}


def test_the_document_is_tagged_titled_and_has_its_fonts(gala):
    reader = printed(gala)
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"]
    assert root["/Lang"] == "en"
    assert reader.metadata.title == "Summer gala – budget"
    assert b"<pdfuaid:part>1</pdfuaid:part>" in root["/Metadata"].get_object().get_data()
    for font in reader.pages[0]["/Resources"]["/Font"].values():
        descriptor = font.get_object()["/DescendantFonts"][0].get_object()["/FontDescriptor"].get_object()
        assert "/FontFile2" in descriptor or "/FontFile3" in descriptor


@pytest.mark.parametrize(
    ("role", "wanted", "given"),
    [
        (Role.OWNER, "team", "team"),
        (Role.ORGANIZER, "team", "team"),
        (Role.OWNER, "client", "client"),
        (Role.OWNER, None, "client"),
        (Role.CLIENT, "team", "client"),
        (Role.CLIENT, None, "client"),
        (None, "team", "client"),
    ],
)
def test_a_client_is_always_given_the_clients_paper(role, wanted, given):
    assert audience_of(role, wanted=wanted) == given


# --- Over the page and the API ---------------------------------------------------------------------------------------


def page_and_api(account, user, budget):
    client = browser(user, account)
    return [(client, address("export", budget)), (client, f"/api/v1/event-budgets/{budget.pk}/export")]


def test_page_and_api_answer_the_same_download(account, owner, gala):
    for client, where in page_and_api(account, owner, gala):
        answer = client.get(where, {"format": "pdf"})
        assert answer.status_code == 200
        assert answer["Content-Type"] == "application/pdf"
        assert answer["Content-Disposition"] == 'attachment; filename="Summer gala budget.pdf"'
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"] == "private, no-store"
        assert answer["Content-Length"] == str(len(answer.content))
        assert "Total 9,000.00" in text_of(PdfReader(io.BytesIO(answer.content)))
        assert client.head(where, {"format": "pdf"}).status_code == 200


def test_names_beyond_ascii_name_the_file(account, owner):
    budget = make_budget(account, owner, event=make_event(account, owner, name="会場 gala"))
    for client, where in page_and_api(account, owner, budget):
        disposition = client.get(where, {"format": "pdf"})["Content-Disposition"]
        assert disposition == "attachment; filename*=utf-8''%E4%BC%9A%E5%A0%B4%20gala%20budget.pdf"


def test_the_audience_is_the_teams_choice_and_never_the_clients(account, owner, gala):
    for user, audience, internal in (
        (owner, None, False),
        (owner, "client", False),
        (owner, "team", True),
        (gala.event.client, None, False),
        (gala.event.client, "client", False),
        (gala.event.client, "team", False),
    ):
        for client, where in page_and_api(account, user, gala):
            asked = {"format": "pdf"} | ({"audience": audience} if audience else {})
            answer = client.get(where, asked)
            assert answer.status_code == 200
            text = text_of(PdfReader(io.BytesIO(answer.content)))
            assert ("Actual" in text, "3,100.25" in text, "Sponsor" in text) == (internal,) * 3
            assert ("(team).pdf" in answer["Content-Disposition"]) is internal


@pytest.mark.parametrize(("name", "choices"), [("audience", "client, team"), ("paper", "a4, letter")])
def test_other_choices_are_refused_with_the_valid_ones(account, owner, gala, name, choices):
    answer = rest_client_of(owner, account).get(f"/event-budgets/{gala.pk}/export", format="pdf", **{name: "everybody"})
    assert answer.status == 400
    assert answer.json["errors"] == [{"code": "invalid_choice", "detail": f"Choose one of: {choices}.", "attr": name}]


def test_the_page_refuses_another_audience(account, owner, gala):
    page = browser(owner, account).get(address("export", gala), {"format": "pdf", "audience": "everybody"})
    assert page.status_code == 400
    assert "pdf, csv or xlsx" in words(page)


def test_each_role_prints_what_it_may_see(account, owner, gala):
    foreign = make_budget(account, owner)
    organizer = make_member(account, Role.ORGANIZER).user
    gala.event.organizer = organizer
    gala.event.save()
    statuses = {}
    for role in Role:
        user = {Role.ORGANIZER: organizer, Role.CLIENT: gala.event.client}.get(role) or make_member(account, role).user
        statuses[role] = [
            visitor.get(where, {"format": "pdf"}).status_code
            for budget in (gala, foreign)
            for visitor, where in page_and_api(account, user, budget)
        ]
    assert statuses == {
        Role.OWNER: [200, 200, 200, 200],
        Role.MANAGER: [200, 200, 200, 200],
        Role.STAFF: [200, 200, 200, 200],
        Role.ORGANIZER: [200, 200, 404, 404],
        Role.CLIENT: [200, 200, 404, 404],
        Role.ATTENDEE: [404, 403, 404, 403],
    }


def test_a_strangers_and_a_deleted_budget_are_not_there(account, owner, other_account):
    with tenant_scope(other_account.pk):
        rival = make_member(other_account, Role.OWNER).user
        strange = make_budget(other_account, rival)
        make_line(strange, rival, name="Secret hall")
    deleted = make_budget(account, owner)
    delete_event_budget(budget_id=deleted.pk, acting_user=owner, now=timezone.now())
    for budget in (strange, deleted):
        for client, where in page_and_api(account, owner, budget):
            answer = client.get(where, {"format": "pdf"})
            assert answer.status_code == 404
            assert b"%PDF" not in answer.content


@pytest.mark.parametrize(
    ("role", "links"),
    [
        (Role.OWNER, ["format=pdf&amp;audience=client", "format=pdf&amp;audience=team", "format=csv", "format=xlsx"]),
        (Role.CLIENT, ["format=pdf", "format=csv", "format=xlsx"]),
    ],
)
def test_the_budgets_page_offers_the_papers_that_one_may_have(account, owner, gala, role, links):
    user = owner if role == Role.OWNER else gala.event.client
    html = browser(user, account).get(address("detail", gala)).content.decode()
    assert re.findall(rf'href="{address("export", gala)}\?([^"]*)"', html) == links
