"""Our Networks 2018: a real conference's plan, and what it came to.

Plan, expenses and income are the organisers' own figures (see `our_networks_2018/LICENCE.md`). What had to be decided:

- **One sum per category.** The organisers published what was spent by category, the plan by line. A category's sum is
  shared out among its lines in proportion to what was planned for them, to the cent; each entry says so.
- **"Yami-ichi".** The kickoff's security (2,508.00) was reported under a category that the plan does not have, and
  compared with the 400.00 planned as Space / Security: 2,108.00 more. It is posted on that line, where the kickoff and
  the category Space show the published difference.
- **"Registration".** 50.00 were spent that nobody had planned. The plan was approved by then, so it is revised: a line
  with nothing planned, approved once more.
- **Income.** The three sources, with what was projected for each, are lines of income; the plan has no category for
  them, so that they stand under one of their own.

The final sums have no dates of their own; those of the entries are invented, in the order that the weeks suggest.
"""

import csv
from collections.abc import Sequence
from datetime import datetime
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from budgets.demo.people import Cast, House, Person
from budgets.demo.steps import receive, spend, take_steps
from budgets.models import BudgetLineItem, EntrySource, EventBudget, LineKind
from budgets.services.categories import ensure_categories
from budgets.services.event_budget import update_event_budget
from budgets.services.line_item import add_line_item, add_line_items
from budgets.services.plan_import import import_plan
from budgetsite.accounts.roles import Role
from events.models import Event, EventType
from events.services import create_event

DATA = Path(__file__).parent / "our_networks_2018"
TORONTO = ZoneInfo("America/Toronto")
CENT = Decimal("0.01")

HOUSE = House(
    name="Our Networks",
    slug="our-networks",
    currency="CAD",
    timezone="America/Toronto",
    people=(
        Person(Role.OWNER, "Ana Ferreira", "ana.owner@our-networks.example"),
        Person(Role.MANAGER, "Marek Dvořák", "marek.manager@our-networks.example"),
        Person(Role.STAFF, "Siobhán O'Brien", "siobhan.staff@our-networks.example"),
        Person(Role.ORGANIZER, "Omid Karimi", "omid.organizer@our-networks.example"),
        Person(Role.CLIENT, "Chloé Tremblay", "chloe.client@our-networks.example"),
        Person(Role.ATTENDEE, "田中 愛子", "aiko.attendee@our-networks.example"),
    ),
)

# When a category's sum is said to have been spent.
SPENT_ON = {
    "Web": (6, 4),
    "Agitprop": (6, 29),
    "Setup Supplies": (7, 11),
    "Registration": (7, 12),
    "Yami-ichi": (7, 13),
    "A/V": (7, 14),
    "Sessions": (7, 14),
    "Catering": (7, 15),
    "Honoraria": (7, 20),
}
# When the money of a source is said to have come in.
RECEIVED_ON = {"Sponsorship": (6, 18), "Registration": (7, 13), "Swag": (7, 15)}
INCOME = "Income"

NOTES = """\
Plan confirmed on 1 June 2018: 7,570.00. Final expenses published on 1 September 2018: 9,037.85, which is 1,467.85 more.

The expenses were published by category. Each category's sum is shared out among its lines in proportion to the plan.
The kickoff's security was reported under “Yami-ichi” (2,508.00); it stands on the kickoff's line Security, for which \
400.00 were planned. Registration (50.00) was not planned; the plan was revised to show it.

Income: 9,175.54 came in, 2,710.54 more than the 6,465.00 projected. The conference made 137.69.

Figures: the organisers of Our Networks, ournetworks/2018, CC BY-SA 4.0. People and dates of single costs are invented.
"""


def tell(cast: Cast, *, now: datetime) -> None:
    """Plan, import, submit, approve, spend, revise, overspend: as it went, and by whom."""
    with cast.acting(Role.OWNER) as owner:
        ensure_categories(names=[*_categories_of_plan(), INCOME], acting_user=owner)
    with cast.acting(Role.ORGANIZER) as organizer:
        event = _open_event(cast)
        with (DATA / "plan.csv").open("rb") as file:
            report = import_plan(file=file, filename="plan.csv", event=event, acting_user=organizer)
        budget = report.budget
        assert budget is not None
        add_line_items(budget_id=budget.pk, acting_user=organizer, line_items=_expected_income())
    take_steps(cast, budget, "submit", "approve", "activate", now=now)
    # By day; of one day, what was spent before what came in.
    steps = [
        *((SPENT_ON[category], _spend_category, category, amount) for category, amount in _actuals().items()),
        *((RECEIVED_ON[source], _receive, source, amount) for source, amount in _income().items()),
    ]
    for _day, post, name, amount in sorted(steps, key=lambda step: step[0]):
        if post is _spend_category and name == "Registration":
            _revise_for_registration(cast, budget, now=now)
        with cast.acting(Role.STAFF):
            post(budget, name, amount)
    with cast.acting(Role.STAFF) as staff:
        version = EventBudget.objects.get(pk=budget.pk).version
        update_event_budget(budget_id=budget.pk, version=version, acting_user=staff, notes=NOTES)


def share_out(amount: Decimal, weights: Sequence[Decimal]) -> list[Decimal]:
    """Split an amount in proportion to `weights`, in whole cents that add up to it exactly.

    The cents that rounding down leaves go to the largest remainders. Raises `ValueError` when all weights are 0.
    """
    whole = sum(weights)
    if not whole:
        raise ValueError("nothing to share out by")
    exact = [amount * weight / whole for weight in weights]
    shares = [share.quantize(CENT, ROUND_DOWN) for share in exact]
    left = int((amount - sum(shares)) / CENT)
    by_remainder = sorted(range(len(shares)), key=lambda index: (shares[index] - exact[index], index))
    for index in by_remainder[:left]:
        shares[index] += CENT
    return shares


def _open_event(cast: Cast) -> Event:
    return create_event(
        account=cast.account,
        acting_user=cast[Role.ORGANIZER],
        name="Our Networks 2018",
        description="A conference on networks that people build and run themselves. "
        "Yami-ichi kickoff on 13 July, conference on 14 and 15 July.",
        event_type=EventType.CONFERENCE,
        event_date=datetime(2018, 7, 13, 18, 0, tzinfo=TORONTO),
        registration_start_date=datetime(2018, 5, 15, 9, 0, tzinfo=TORONTO),
        registration_end_date=datetime(2018, 7, 13, 12, 0, tzinfo=TORONTO),
        client=cast[Role.CLIENT],
    )


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((DATA / name).read_text(encoding="utf-8").splitlines()))


def _categories_of_plan() -> list[str]:
    return list(dict.fromkeys(row["category"] for row in _rows("plan.csv")))


def _actuals() -> dict[str, Decimal]:
    return {row["category"]: Decimal(row["actual_amount"]) for row in _rows("actuals.csv")}


def _income() -> dict[str, Decimal]:
    return {row["category"]: Decimal(row["actual_amount"]) for row in _rows("income.csv")}


def _expected_income() -> list[dict[str, Any]]:
    return [
        {
            "kind": LineKind.INCOME,
            "category": INCOME,
            "section": INCOME,
            "name": row["category"],
            "budgeted_amount": Decimal(row["projected_amount"]),
        }
        for row in _rows("income.csv")
    ]


def _receive(budget: EventBudget, source: str, amount: Decimal) -> None:
    line = BudgetLineItem.objects.get(budget=budget, kind=LineKind.INCOME, name=source)
    receive(
        line,
        amount,
        description=f"Reported by the organisers for {source} as one sum",
        occurred_at=datetime(2018, *RECEIVED_ON[source], 12, 0, tzinfo=TORONTO),
        source=EntrySource.IMPORT,
        source_id=f"income.csv {source}",
    )


def _revise_for_registration(cast: Cast, budget: EventBudget, *, now: datetime) -> None:
    reason = "Registration cost something after all. It was not planned: a line for it, with nothing planned."
    take_steps(cast, budget, "revise", now=now, reason=reason)
    with cast.acting(Role.OWNER) as owner:
        ensure_categories(names=["Registration"], acting_user=owner)
    with cast.acting(Role.ORGANIZER) as organizer:
        add_line_item(
            budget_id=budget.pk,
            acting_user=organizer,
            category="Registration",
            name="Registration (not planned)",
            section="Not planned",
            budgeted_amount=Decimal(0),
        )
    take_steps(cast, budget, "submit", "approve", "activate", now=now)


def _spend_category(budget: EventBudget, category: str, amount: Decimal) -> None:
    occurred_at = datetime(2018, *SPENT_ON[category], 12, 0, tzinfo=TORONTO)
    lines = BudgetLineItem.objects.filter(budget=budget, kind=LineKind.COST).order_by("sort_order", "id")
    if category == "Yami-ichi":
        lines = lines.filter(category__name="Space", name="Security")
        description = "The kickoff's security, reported by the organisers under “Yami-ichi”, which the plan lacks"
    else:
        lines = lines.filter(category__name=category)
        description = f"Reported by the organisers for {category} as one sum"
    found = list(lines.exclude(budgeted_amount=0) if len(lines) > 1 else lines)
    shares = [amount] if len(found) == 1 else share_out(amount, [line.budgeted_amount for line in found])
    if len(found) > 1:
        description += f" ({amount:,.2f}); this line's share by plan"
    for line, share in zip(found, shares, strict=True):
        spend(
            line,
            share,
            description=description,
            occurred_at=occurred_at,
            source=EntrySource.IMPORT,
            source_id=f"actuals.csv {category}",
        )
