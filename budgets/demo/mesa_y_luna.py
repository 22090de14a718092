"""Mesa y Luna: an invented caterer and wedding supplier with events in every state that a budget can be in."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from budgets.demo.company import share_out_the_season
from budgets.demo.papers import keep_papers, record_line
from budgets.demo.people import Cast, House, Person
from budgets.demo.plans_in_motion import keep_rules, set_in_motion
from budgets.demo.steps import take_steps
from budgets.models import BudgetLineItem, EventBudget
from budgets.services.categories import WEDDING_BENCHMARKS
from budgets.services.event_budget import create_event_budget
from budgetsite.accounts.roles import Role
from events.models import Event, EventType, Venue
from events.services import create_event, create_venue

MADRID = ZoneInfo("Europe/Madrid")
UP_TO_APPROVAL = ("submit", "approve")
RUNNING = (*UP_TO_APPROVAL, "activate")

HOUSE = House(
    name="Mesa y Luna",
    slug="mesa-y-luna",
    currency="EUR",
    timezone="Europe/Madrid",
    people=(
        Person(Role.OWNER, "Elena Núñez Ibáñez", "elena.owner@mesa-y-luna.example"),
        Person(Role.MANAGER, "Jörg Weiß", "joerg.manager@mesa-y-luna.example"),
        Person(Role.STAFF, "Łucja Wiśniewska", "lucja.staff@mesa-y-luna.example"),
        Person(Role.ORGANIZER, "Nuria Güell i Bosch", "nuria.organizer@mesa-y-luna.example"),
        Person(Role.CLIENT, "سارة الحداد", "sara.client@mesa-y-luna.example"),
        Person(Role.ATTENDEE, "Þóra Björnsdóttir", "thora.attendee@mesa-y-luna.example"),
    ),
)


@dataclass(frozen=True, slots=True)
class Line:
    """A planned line; `spent` and `promised` are what has become of it, `billed` what of the promise is invoiced."""

    category: str
    name: str
    budgeted: str
    spent: str = "0"
    promised: str = "0"
    billed: str = "0"


@dataclass(frozen=True, slots=True)
class EventPlan:
    """An event, so many days from now, and how far its budget has come. `total` None follows the lines."""

    name: str
    event_type: EventType
    days: int
    venue: str = ""
    total: str | None = None
    lines: Sequence[Line] = ()
    steps: Sequence[str] = ()
    steps_after: Sequence[str] = ()
    reason: str = ""
    description: str = ""
    notes: str = ""
    has_budget: bool = True
    is_clients: bool = False


VENUES = (
    {"name": "Masía Can Ribó", "address": "Camí del Bosc 7", "city": "Sitges", "country": "Spain", "capacity": 180},
    {"name": "Palais am Fluss", "address": "Uferstraße 12", "city": "Köln", "country": "Germany", "capacity": 260,
     "timezone": "Europe/Berlin"},
    {"name": "Dwór pod Lipami", "address": "ul. Lipowa 3", "city": "Kraków", "country": "Poland", "capacity": 120,
     "timezone": "Europe/Warsaw"},
)  # fmt: skip

WEDDING_TOTAL = Decimal(26000)


def benchmark_lines(total: Decimal) -> list[Line]:
    """Allocate a wedding's total by the typical shares, which add up to 130 %: each is divided by 1.30 (design §5)."""
    whole = sum(WEDDING_BENCHMARKS.values())
    names = {"Venue": "Masía, one day and the evening before", "Catering": "Dinner for 120", "Music": "Cobla and DJ"}
    spent = {"Attire": "1480.00", "Stationery": "436.50", "Rings": "612.00"}
    promised = {"Venue": ("8000.00", "4000.00"), "Catering": ("5640.00", "0"), "Photography": ("1950.00", "650.00")}
    lines = []
    for category, share in WEDDING_BENCHMARKS.items():
        agreed, billed = promised.get(category, ("0", "0"))
        amount = (total * share / whole).quantize(Decimal("0.01"))
        lines.append(
            Line(category, names.get(category, category), str(amount), spent.get(category, "0"), agreed, billed)
        )
    return lines


EVENTS = (
    EventPlan(
        name="Boda de Zoë y Mateo",
        event_type=EventType.WEDDING,
        days=75,
        venue="Masía Can Ribó",
        total=str(WEDDING_TOTAL),
        lines=benchmark_lines(WEDDING_TOTAL),
        steps=RUNNING,
        description="120 guests, ceremony in the garden.",
        notes="Planned by the typical shares of a wedding, divided by 1.30 because they add up to 130 %.",
        is_clients=True,
    ),
    EventPlan(
        name="Sommerfest der Käfer & Söhne GmbH",
        event_type=EventType.CORPORATE,
        days=-9,
        venue="Palais am Fluss",
        total="8000.00",
        lines=(
            Line("Venue", "Saalmiete", "2000.00", "2000.00"),
            Line("Food & Beverage", "Grillbuffet für 140", "3600.00", "4410.00"),
            Line("Entertainment", "Blaskapelle", "900.00", "900.00"),
            Line("Equipment Rental", "Zelte (Regen!)", "600.00", "1385.40"),
            Line("Labor", "Service, 6 Personen", "900.00", "1080.00"),
        ),
        steps=RUNNING,
        description="The house's summer party for 140 guests, with a band and a tent against the rain.",
    ),
    EventPlan(
        name="Gala benéfica de otoño",
        event_type=EventType.CATERING,
        days=48,
        venue="Masía Can Ribó",
        total="15000.00",
        lines=(
            Line("Venue", "Alquiler y limpieza", "4200.00"),
            Line("Food & Beverage", "Cena de tres platos, 90 cubiertos", "6300.00"),
            Line("Entertainment", "Cuarteto de cuerda", "1800.00"),
            Line("Decor & Florals", "Centros de mesa", "950.00"),
            Line("Transportation", "Autocar desde la estación", "480.00"),
        ),
        steps=("submit",),
        description="Dinner for ninety in aid of the village school, with a string quartet.",
    ),
    EventPlan(
        name="Wesele Łukasza i Oli",
        event_type=EventType.WEDDING,
        days=130,
        venue="Dwór pod Lipami",
        total="18500.00",
        lines=(
            Line("Venue", "Dwór, dwa dni", "5200.00", promised="5200.00"),
            Line("Catering", "Obiad i poprawiny", "7400.00"),
            Line("Music", "Orkiestra", "1900.00"),
            Line("Cake", "Tort, cztery piętra", "520.00"),
        ),
        steps=UP_TO_APPROVAL,
        description="Dinner, dancing until four, and breakfast for whoever is still there.",
    ),
    EventPlan(
        name="Sommerakademie der Köche",
        event_type=EventType.CONFERENCE,
        days=64,
        venue="Palais am Fluss",
        total="12000.00",
        lines=(
            Line("Venue", "Saal und Küche, zwei Tage", "2400.00", promised="1200.00"),
            Line("Food & Beverage", "Verpflegung, 40 Gäste", "5200.00"),
            Line("Labor", "Referenten", "2600.00"),
        ),
        steps=UP_TO_APPROVAL,
        description="A week with eight cooks, and a dinner that everybody cooks on the last evening.",
    ),
    EventPlan(
        name="花見の会",
        event_type=EventType.GIFTING,
        days=210,
        description="Cherry blossom party. Nothing is planned yet: the budget is 0 and follows its lines.",
    ),
    EventPlan(
        name="Quinceañera de Lucía",
        event_type=EventType.OTHER,
        days=96,
        total="5200.00",
        lines=(
            Line("Venue", "Salón de fiestas", "1200.00"),
            Line("Food & Beverage", "Merienda para 60", "1500.00"),
            Line("Entertainment", "DJ y fotomatón", "2400.00"),
        ),
        steps=("submit", "reject"),
        reason="The DJ costs twice what we paid in spring. Please ask for a second offer.",
        description="Fifteen years of Lucía: a waltz, dinner and a band.",
    ),
    EventPlan(
        name="Aniversario O'Brien & Söderström",
        event_type=EventType.ANNUAL_DAY,
        days=-40,
        total="6400.00",
        lines=(
            Line("Food & Beverage", "Standing dinner for 70", "3100.00", "3022.75"),
            Line("Entertainment", "Ceilidh band", "1400.00", "1400.00"),
            Line("Decor & Florals", "Heather and candles", "700.00", "648.20"),
            Line("Labor", "Service, 4 people", "1200.00", "1168.00"),
        ),
        steps=RUNNING,
        steps_after=("finalize",),
        description="Ten years of the firm, with lunch by the sea.",
    ),
    EventPlan(
        name="Fête des vendanges",
        event_type=EventType.CATERING,
        days=-380,
        total="3900.00",
        lines=(
            Line("Food & Beverage", "Raclette pour 50", "2100.00", "2188.40"),
            Line("Transportation", "Camion frigorifique", "800.00", "760.00"),
            Line("Labor", "Deux cuisiniers", "1000.00", "1000.00"),
        ),
        steps=RUNNING,
        steps_after=("finalize", "archive"),
        description="The harvest, with a long table among the vines.",
    ),
    EventPlan(
        name="Αρραβώνας Ελένης & Νίκου",
        event_type=EventType.OTHER,
        days=160,
        description="An engagement party in the garden, with dinner and live music.",
        has_budget=False,
    ),
)  # fmt: skip


def tell(cast: Cast, *, now: datetime) -> None:
    """Open the events one by one and bring each budget as far as its plan says."""
    keep_rules(cast)
    with cast.acting(Role.STAFF) as staff:
        venues = {fields["name"]: create_venue(acting_user=staff, **fields) for fields in VENUES}
    for plan in EVENTS:
        with cast.acting(Role.ORGANIZER) as organizer:
            event = _open_event(cast, plan, venues.get(plan.venue), now=now)
            if not plan.has_budget:
                continue
            budget = create_event_budget(
                event=event,
                acting_user=organizer,
                total_budget_amount=Decimal(plan.total) if plan.total else None,
                notes=plan.notes,
                line_items=[
                    {"category": line.category, "name": line.name, "budgeted_amount": Decimal(line.budgeted)}
                    for line in plan.lines
                ],
            )
        take_steps(cast, budget, *plan.steps, now=now, reason=plan.reason)
        _post_lines(cast, budget, plan, now=now)
        take_steps(cast, budget, *plan.steps_after, now=now)
    set_in_motion(cast, now=now)
    keep_papers(cast, now=now)
    share_out_the_season(cast, now=now)


def _open_event(cast: Cast, plan: EventPlan, venue: Venue | None, *, now: datetime) -> Event:
    day = (now.astimezone(MADRID) + timedelta(days=plan.days)).replace(hour=18, minute=0, second=0, microsecond=0)
    return create_event(
        account=cast.account,
        acting_user=cast[Role.ORGANIZER],
        name=plan.name,
        description=plan.description,
        event_type=plan.event_type,
        event_date=day,
        registration_start_date=day - timedelta(days=60),
        registration_end_date=day - timedelta(days=7),
        venue=venue,
        client=cast[Role.CLIENT] if plan.is_clients else None,
    )


def _post_lines(cast: Cast, budget: EventBudget, plan: EventPlan, *, now: datetime) -> None:
    """Record what was promised, billed and spent on each line, in the weeks before the event or before now."""
    latest = min(now, now + timedelta(days=plan.days)).astimezone(MADRID).date()
    with cast.acting(Role.STAFF):
        stored = list(
            BudgetLineItem.objects.filter(budget=budget)
            .select_related("category", "budget__event")
            .order_by("sort_order", "id")
        )
    for position, (line, planned) in enumerate(zip(stored, plan.lines, strict=True)):
        record_line(
            cast,
            line,
            spent=planned.spent,
            promised=planned.promised,
            billed=planned.billed,
            signed=latest - timedelta(days=45 - position),
            billed_on=latest - timedelta(days=20 - position),
            now=now,
        )
