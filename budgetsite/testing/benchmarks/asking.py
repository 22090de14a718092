"""What is asked of a crowd's event, over the API and by hand, and what each asking uses up."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain, cycle, islice
from typing import Any
from uuid import UUID

from budgetsite.testing.benchmarks.crowd import PRICE, Crowd
from budgetsite.testing.benchmarks.plain_registrations import PlainRegistrations
from budgetsite.testing.benchmarks.scenery import CURRENCY
from budgetsite.testing.benchmarks.site import Client

PAGE = 50
TITLES = {
    "register": "register",
    "approve": "approve",
    "list": f"list {PAGE} registrations",
    "variance": "variance report",
    "preflight": "pre-flight",
    "check-in": "check-in",
}

Work = Callable[[], object]
Request = tuple[str, str, dict[str, Any] | None]


@dataclass(frozen=True, slots=True)
class Supply:
    """Options nobody has registered for, registrations that wait for approval, codes nobody has scanned."""

    crowd: Crowd
    options: Iterator[UUID]
    waiting: Iterator[UUID]
    codes: Iterator[str]

    @classmethod
    def of(cls, crowd: Crowd) -> "Supply":
        return cls(crowd, crowd.options(), crowd.waiting(), cycle(crowd.codes))

    def shared_out(self, clients: int, *, each: int) -> list["Supply"]:
        """Return one for each of so many clients, made now: making more in a turn would be measured."""
        return [
            # Who needs more than that makes more of their own: a client is a process, and shares none.
            Supply(
                self.crowd,
                chain(list(islice(self.options, each)), self.crowd.options()),
                chain(list(islice(self.waiting, each)), self.crowd.waiting()),
                cycle(list(islice(self.codes, each))),
            )
            for _ in range(clients)
        ]


def requests(supply: Supply) -> dict[str, Callable[[], Request]]:
    """Return what makes the next request of each kind."""
    crowd = supply.crowd
    path = f"/api/v1/events/{crowd.event.pk}"
    return {
        "register": lambda: (
            "POST",
            f"/api/v1/events/{crowd.asked.pk}/register",
            {"event_option_id": str(next(supply.options))},
        ),
        "approve": lambda: ("PUT", f"{path}/registrations/{next(supply.waiting)}", {"status": "APPROVED"}),
        "list": lambda: ("GET", f"{path}/registrations?limit={PAGE}", None),
        "variance": lambda: ("GET", f"{path}/budget-variance", None),
        "preflight": lambda: ("POST", f"{path}/check-conflicts", {"event_option_id": str(crowd.free.pk)}),
        "check-in": lambda: ("POST", f"{path}/check-in", {"qr_token": next(supply.codes)}),
    }


def over_the_api(client: Client, supply: Supply) -> dict[str, Work]:
    return {name: _asking(client, request) for name, request in requests(supply).items()}


def by_hand(plain: PlainRegistrations, supply: Supply) -> dict[str, Work]:
    crowd = supply.crowd
    event_id = crowd.event.pk
    return {
        "register": lambda: plain.register(crowd.asked.pk, next(supply.options), PRICE, CURRENCY),
        "approve": lambda: plain.approve(event_id, crowd.budget_id, next(supply.waiting), PRICE, CURRENCY),
        "list": lambda: plain.list_registrations(event_id, PAGE),
        "variance": lambda: plain.variance(event_id),
        "preflight": lambda: plain.preflight(event_id, crowd.free.pk),
        "check-in": lambda: plain.check_in(event_id, next(supply.codes)),
    }


def _asking(client: Client, request: Callable[[], Request]) -> Work:
    def ask() -> None:
        method, path, body = request()
        if method == "GET":
            client.get(path)
        else:
            client.call(method, path, body)

    return ask
