"""The money that Mesa y Luna's events are paid from: a season's, two teams', a person's, a machine's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from budgets.demo.people import Cast
from budgets.models import EntrySource, EventBudget, ScopedBudget
from budgets.services.funding_change import set_funding
from budgets.services.reservation import reserve
from budgets.services.scoped_budget import create_scoped_budget
from budgets.services.usage import record_usage, reverse_usage
from budgets.services.windows import current_window, window_at
from budgetsite.accounts.roles import Role

CURRENCY = "EUR"
MADRID = ZoneInfo("Europe/Madrid")
# A season began so many months ago, and so there is something to look back on.
MONTHS_SO_FAR = 8
# The machine that writes menus, by the name of the key that it would have.
MACHINE = "Menu assistant"
A_DAY_OF_SECONDS = 24 * 3600

# Whose events are paid by which team.
FUNDED = {
    "Weddings": ("Boda de Zoë y Mateo", "Wesele Łukasza i Oli"),
    "Catering": (
        "Sommerfest der Käfer & Söhne GmbH",
        "Sommerakademie der Köche",
        "Gala benéfica de otoño",
    ),
}


@dataclass(frozen=True, slots=True)
class Spent:
    """What was used, when: `months` ago, at this share of the month (of what is over of the present one)."""

    months: int
    share: str
    amount: str
    description: str
    metadata: tuple[str, str] = ("", "")


# Travel and samples, noted by hand. Of the present month nearly all is used.
NURIAS = (
    Spent(4, "0.2", "64.80", "Train to Köln, to look at the Palais"),
    Spent(4, "0.7", "118.00", "Cheese to taste"),
    Spent(3, "0.4", "212.40", "Two nights in Kraków"),
    Spent(2, "0.3", "39.90", "Ribbons and candles, three kinds"),
    Spent(2, "0.8", "155.00", "Tasting menu with Zoë and Mateo"),
    Spent(1, "0.5", "287.25", "Flights to Kraków"),
    Spent(0, "0.2", "241.00", "Wine to taste, twelve bottles"),
    Spent(0, "0.6", "126.50", "Hire car, two days"),
    Spent(0, "0.9", "46.00", "Photographs of the garden"),
)
# What a machine reports, by the model that it used and for whom; each month somewhat more.
MENUS = tuple(
    Spent(months, share, amount, f"Menus for {customer}", (model, customer))
    for months, rows in (
        (5, (("0.3", "21.408215", "small", "Käfer & Söhne"), ("0.8", "34.91", "large", "Zoë y Mateo"))),
        (4, (("0.2", "48.215", "large", "Käfer & Söhne"), ("0.6", "19.772031", "small", "Łukasz i Ola"))),
        (3, (("0.3", "61.50", "large", "Gala"), ("0.5", "22.118", "small", "Käfer & Söhne"))),
        (2, (("0.2", "83.04", "large", "Zoë y Mateo"), ("0.7", "47.366409", "large", "Gala"))),
        (1, (("0.1", "92.75", "large", "Gala"), ("0.4", "28.640112", "small", "Lucía"),
             ("0.9", "64.30", "large", "Gala"))),
        (0, (("0.3", "104.218007", "large", "Gala"), ("0.5", "31.9425", "small", "Lucía"),
             ("0.8", "88.07", "large", "Łukasz i Ola"))),
    )
    for share, amount, model, customer in rows
)  # fmt: skip


def share_out_the_season(cast: Cast, *, now: datetime) -> None:
    """Make the budgets from the top down, let teams pay for events, and spend from them up to now.

    The weddings are nearly used up, the machine's month is exceeded; the top lets pass, the teams stop.
    """
    season = _make_season(cast, now=now)
    teams = {
        name: _make_team(cast, season, name, amount) for name, amount in (("Catering", 24000), ("Weddings", 27400))
    }
    nuria = _make_nurias(cast, teams["Weddings"])
    menus = _make_menus(cast, teams["Catering"])
    _make_fair(cast, teams["Catering"], now=now)
    for team, events in FUNDED.items():
        for name in events:
            _pay_for(cast, name, teams[team].pk, now=now)
    _record(cast, nuria, NURIAS, role=Role.STAFF, source=EntrySource.MANUAL, now=now)
    _record(cast, menus, MENUS, role=Role.OWNER, source=EntrySource.API, machine=MACHINE, now=now)
    _take_one_back(cast, nuria, now=now)
    with cast.acting(Role.STAFF) as staff:
        reserve(
            budget_id=teams["Catering"].pk,
            amount=Decimal(480),
            ttl_seconds=20 * A_DAY_OF_SECONDS,
            acting_user=staff,
            now=now,
            description="A tasting for the gala, until the cook has named a price",
        )


def _make_season(cast: Cast, *, now: datetime) -> ScopedBudget:
    today = now.astimezone(MADRID).date()
    months = today.year * 12 + today.month - 1 - MONTHS_SO_FAR
    begins = today.replace(year=months // 12, month=months % 12 + 1, day=1)
    years = str(begins.year) if begins.month == 1 else f"{begins.year}/{(begins.year + 1) % 100:02}"
    return _make(
        cast,
        name=f"Season {years}",
        description="All that the house spends on events in a year. It warns; the teams below stop.",
        scope_type="organization",
        scope_id="mesa-y-luna",
        amount=Decimal(48000),
        period="annual",
        start_date=begins,
        enforcement="warn",
        thresholds=[
            {"threshold": "75", "actions": ["notify"]},
            {"threshold": "90", "actions": ["notify"], "message": "Talk to Elena before you promise anything new."},
        ],
        tags=["season"],
    )


def _make_team(cast: Cast, season: ScopedBudget, name: str, amount: int) -> ScopedBudget:
    return _make(
        cast,
        name=name,
        scope_type="team",
        scope_id=name.lower(),
        amount=Decimal(amount),
        period="annual",
        start_date=season.start_date,
        enforcement="stop",
        thresholds=[
            {"threshold": "80", "actions": ["notify"]},
            {"threshold": "100", "actions": ["block-all", "notify"]},
        ],
        tags={"house": "Sitges"} if name == "Weddings" else {"house": "Köln"},
        parent_id=season.pk,
    )


def _make_nurias(cast: Cast, team: ScopedBudget) -> ScopedBudget:
    nuria = cast[Role.ORGANIZER]
    return _make(
        cast,
        name="Nuria: travel and samples",
        scope_type="user",
        scope_id=nuria.email,
        amount=Decimal(450),
        period="monthly",
        start_date=team.start_date,
        enforcement="stop",
        thresholds=[
            {"threshold": "80", "actions": ["notify"]},
            {"threshold": "100", "actions": ["require-approval"], "message": "Ask Jörg first."},
        ],
        parent_id=team.pk,
    )


def _make_menus(cast: Cast, team: ScopedBudget) -> ScopedBudget:
    return _make(
        cast,
        name="Menu assistant",
        description="Writes menus and shopping lists. It asks before it spends, and reports what it used.",
        scope_type="project",
        scope_id="menu-assistant",
        amount=Decimal(200),
        period="monthly",
        start_date=team.start_date,
        enforcement="warn",
        thresholds=[
            {
                "threshold": "80",
                "actions": ["auto-downgrade", "notify"],
                "message": "Use the small model from here on.",
            },
            {"threshold": "95", "actions": ["restrict-models", "notify"]},
        ],
        tags=["machine"],
        parent_id=team.pk,
    )


def _make_fair(cast: Cast, team: ScopedBudget, *, now: datetime) -> None:
    """A stand at a fair that is over: its money is spent, and its time has passed."""
    today = now.astimezone(MADRID).date()
    fair = _make(
        cast,
        name="Stand at the fair",
        scope_type="project",
        scope_id="fair",
        amount=Decimal(1800),
        period="custom",
        start_date=today - timedelta(days=110),
        end_date=today - timedelta(days=60),
        parent_id=team.pk,
    )
    with cast.acting(Role.STAFF) as staff:
        for days, amount, description in ((96, "1250.00", "Stand and carpet"), (70, "492.50", "Tapas for two days")):
            record_usage(
                budget_id=fair.pk,
                amount=Decimal(amount),
                currency=CURRENCY,
                source=EntrySource.MANUAL,
                acting_user=staff,
                now=now,
                timestamp=now - timedelta(days=days),
                description=description,
            )


def _make(cast: Cast, **fields: Any) -> ScopedBudget:
    with cast.acting(Role.OWNER) as owner:
        return create_scoped_budget(account=cast.account, acting_user=owner, **fields).budget


def _pay_for(cast: Cast, event_name: str, scoped_budget_id: UUID, *, now: datetime) -> None:
    with cast.acting(Role.MANAGER) as manager:
        set_funding(
            budget_id=EventBudget.objects.get(event__name=event_name).pk,
            scoped_budget_id=scoped_budget_id,
            acting_user=manager,
            acting_role=Role.MANAGER,
            now=now,
        )


def _record(
    cast: Cast,
    budget: ScopedBudget,
    rows: Sequence[Spent],
    *,
    role: Role,
    source: str,
    now: datetime,
    machine: str = "",
) -> None:
    with cast.acting(role) as user:
        for row, moment in _in_time(budget, rows, now=now):
            model, customer = row.metadata
            record_usage(
                budget_id=budget.pk,
                amount=Decimal(row.amount),
                currency=CURRENCY,
                source=source,
                acting_user=user,
                now=now,
                timestamp=moment,
                description=row.description,
                metadata={"model": model, "customer": customer} if model else None,
                machine=machine,
            )


def _in_time(budget: ScopedBudget, rows: Sequence[Spent], *, now: datetime) -> Iterator[tuple[Spent, datetime]]:
    """Yield each with its moment, in a period of the budget so many before the present one."""
    for row in rows:
        window = current_window(budget, now)
        for _ in range(row.months):
            window = window_at(budget, window.start - timedelta(hours=1))
        # The present one is over up to now.
        over = min(window.end, now) - window.start
        yield row, window.start + over * float(row.share)


def _take_one_back(cast: Cast, budget: ScopedBudget, *, now: datetime) -> None:
    """Somebody noted what the studio pays itself."""
    with cast.acting(Role.STAFF) as staff:
        entry = budget.ledger_entries.order_by("-seq")[0]
        reverse_usage(
            budget_id=budget.pk,
            entry_id=entry.pk,
            acting_user=staff,
            now=now,
            reason="The studio does not bill the photographs",
        )
