"""Loading the demo: each account whole or not at all, once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from budgets.demo import mesa_y_luna, our_networks
from budgets.demo.people import PASSWORD, House, open_house
from budgetsite.accounts.services import AccountExists

STORIES: tuple[tuple[House, Callable[..., None]], ...] = (
    (our_networks.HOUSE, our_networks.tell),
    (mesa_y_luna.HOUSE, mesa_y_luna.tell),
)


@dataclass(frozen=True, slots=True)
class SignIn:
    """With what somebody of the demo signs in."""

    account: str
    role: str
    name: str
    email: str
    password: str = PASSWORD


class SlugTaken(RuntimeError):
    """Somebody else's account has the slug of one of the demo's."""

    def __init__(self, slug: str) -> None:
        self.slug = slug
        super().__init__(
            f"There is an account {slug!r} that is not the demo's. Start without the demo (make run DEMO=0), "
            "or in a data folder of its own (make run DATA_DIR=/another/folder)."
        )


def load_demo(*, now: datetime, sequels: Mapping[str, Callable[..., None]] | None = None) -> list[SignIn]:
    """Make the demo's accounts that are missing, each in one transaction, and return everybody's sign-in.

    `sequels` go on, by the account's slug, where its story ends: what stands on budgets knows them, and not they it.
    An account that is there is left as it is, whatever people have done in it since. Raises `SlugTaken`.
    """
    for house, tell in STORIES:
        if not house.is_open():
            sequel = (sequels or {}).get(house.slug)
            _make(house, [tell, sequel] if sequel else [tell], now=now)
    return [
        SignIn(account=house.name, role=person.role.label, name=person.name, email=person.email)
        for house, _tell in STORIES
        for person in house.people
    ]


def _make(house: House, stories: list[Callable[..., None]], *, now: datetime) -> None:
    try:
        with transaction.atomic():
            cast = open_house(house)
            for tell in stories:
                tell(cast, now=now)
    except AccountExists as error:
        # Perhaps somebody else who loads the demo was faster; then it is there now.
        if not house.is_open():
            raise SlugTaken(house.slug) from error
