"""Who comes to Mesa y Luna's gala: options, people in every state, a queue with an offer, the first at the door."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from budgets.demo.people import Cast
from budgetsite.accounts.models import User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from events.models import Event
from registrations.models import EventOption, EventRegistration, OptionType, PickupSlot
from registrations.services.check_in import check_in
from registrations.services.desk import change_policy
from registrations.services.option import create_option
from registrations.services.registration import approve, cancel, register, reject
from registrations.services.waitlist import join_waitlist

EVENT_NAME = "Gala benéfica de otoño"

DINNER, VEGETARIAN, COOKING, CLOAKROOM = range(4)
OPTIONS = (
    ("Cena, mesa redonda", OptionType.TICKET, 12, "70.00", "Three courses and a glass of cava."),
    ("Cena vegetariana", OptionType.TICKET, 8, "62.50", ""),
    ("Taller de cocina", OptionType.TRACK, 3, "15.00", "An hour with the cook before dinner."),
    ("Guardarropa", OptionType.VOLUNTEER, 6, "0", "Help at the cloakroom."),
)


@dataclass(frozen=True, slots=True)
class Guest:
    """Somebody invented who asks for an option, and what becomes of it; `hour` counts the pickup slots from 0."""

    name: str
    option: int
    becomes: str = "waits"
    party: int = 1
    hour: int | None = None


GUESTS = (
    Guest("Ana Vidal", DINNER, "collected", hour=2),
    Guest("Bea Roca", DINNER, "approved", party=2, hour=2),
    Guest("Çelik Demir", VEGETARIAN, "approved", hour=3),
    Guest("Dídac Puig", COOKING, "approved"),
    Guest("Eva Llop", COOKING, "approved"),
    Guest("Finn O'Shea", COOKING, "cancelled"),
    Guest("Gala Mir", CLOAKROOM, "approved"),
    Guest("Hugo Sanz", DINNER, "approved", party=3, hour=4),
    Guest("Ivet Bosch", VEGETARIAN, "rejected"),
    Guest("Joan Pla", DINNER, "cancelled", hour=4),
    Guest("Katja Weiß", VEGETARIAN, hour=5),
    Guest("Lluc Riba", DINNER, party=2, hour=5),
    Guest("Mar Solé", CLOAKROOM),
    Guest("Nil Font", DINNER),
    Guest("Ona Vila", VEGETARIAN, party=2),
    Guest("Pau Grau", DINNER, "approved"),
    Guest("Queralt Mas", CLOAKROOM, "rejected"),
    Guest("Roc Coll", VEGETARIAN, "approved"),
)
# Who comes too late for the cooking; one place becomes free and is offered to the first.
QUEUE = ("Sira Noguera", "Teo Ferrer", "Zhao Mei 赵梅")


def tell(cast: Cast, *, now: datetime) -> None:
    """Open the gala's desk and let people come. As many services as there are steps, each by whose it is."""
    with cast.acting(Role.ORGANIZER) as organizer:
        event = Event.objects.get(name=EVENT_NAME)
        change_policy(
            event=event,
            acting_user=organizer,
            cancel_until_hours=7 * 24,
            kept_share=Decimal(50),
            offer_minutes=2 * 24 * 60,
        )
        options = [
            create_option(
                event=event,
                acting_user=organizer,
                option_name=name,
                option_type=kind,
                total_available=places,
                cost_per_unit=Decimal(cost),
                description=description,
                sort_order=position * 10,
            )
            for position, (name, kind, places, cost, description) in enumerate(OPTIONS, start=1)
        ]
        slots = list(PickupSlot.objects.filter(event=event).order_by("starts_at"))
        asked = list(_ask(cast, event, options, slots, now=now))
        cooking = options[COOKING].pk
        for name in QUEUE:
            join_waitlist(event=event, user=_person(cast, name), option_id=cooking, slot_id=None, now=now)
        register(event=event, user=cast[Role.ATTENDEE], option_id=options[DINNER].pk, slot_id=slots[3].pk, now=now)
    _decide(cast, event, asked, now=now)


def _ask(
    cast: Cast, event: Event, options: list[EventOption], slots: list[PickupSlot], *, now: datetime
) -> Iterator[tuple[Guest, EventRegistration]]:
    for guest in GUESTS:
        yield (
            guest,
            register(
                event=event,
                user=_person(cast, guest.name),
                option_id=options[guest.option].pk,
                slot_id=None if guest.hour is None else slots[guest.hour].pk,
                party_size=guest.party,
                now=now,
            ),
        )


def _decide(cast: Cast, event: Event, asked: list[tuple[Guest, EventRegistration]], *, now: datetime) -> None:
    with cast.acting(Role.MANAGER) as manager:
        for guest, registration in asked:
            step: dict[str, Any] = {"registration_id": registration.pk, "event": event, "now": now}
            if guest.becomes in ("approved", "collected"):
                approve(acting_user=manager, **step)
            elif guest.becomes == "rejected":
                reject(acting_user=manager, reason="One place for each family, please.", **step)
            elif guest.becomes == "cancelled":
                cancel(acting_user=registration.user, **step)
            if guest.becomes == "collected":
                check_in(event=event, qr_token=registration.qr_token, acting_user=manager, now=now)


def _person(cast: Cast, name: str) -> User:
    """Make a guest of the account, who has no password and signs in with none."""
    address = f"{'.'.join(str(ord(letter)) for letter in name[:4])}.guest@mesa-y-luna.example"
    return add_member(account=cast.account, email=address, role=Role.ATTENDEE, name=name).user
