"""Registrations with many clients at once, and two hundred people for fifty places."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import cycle
from uuid import UUID

from django.db import transaction

from budgetsite.accounts.models import Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.sign_in import Standing
from budgetsite.accounts.tokens import issue_access_token
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.asking import TITLES, Supply, by_hand, over_the_api
from budgetsite.testing.benchmarks.clients import Clients, Operations
from budgetsite.testing.benchmarks.crowd import PRICE, Crowd
from budgetsite.testing.benchmarks.measure import interleaved, share_of_rate, typical_rate
from budgetsite.testing.benchmarks.plain_registrations import PlainRegistrations
from budgetsite.testing.benchmarks.report import Limit, Row, compared_rates, compared_whole, proof
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import CURRENCY, Scene
from budgetsite.testing.benchmarks.site import Client, Site
from registrations.models import EventOption, EventRegistration

# As the demands are put: for so many clients on two cores, as shares of the rates of an empty request and of plain SQL.
FEW_CLIENTS = 8
OF_EMPTY = {"register": 0.2, "approve": 0.15, "list": 0.12, "variance": 0.4, "check-in": 0.3}
OF_PLAIN = {"register": 0.06, "approve": 0.1}
# Workers of one site share out connections as it happens; two sites of one worker have half of them each.
SITES = 2
THREADS = 4
# About what all clients use up of each kind in a second, over the API and by hand together.
_USED_IN_A_SECOND = 1_500

PEOPLE, PLACES = 200, 50
WHOLE = Limit(at_most=4)


def measure(run: Run, supply: Supply) -> Iterator[Row]:
    with ExitStack() as stack:
        sites = [stack.enter_context(Site(threads=THREADS)) for _ in range(SITES)]
        for count in sorted({min(FEW_CLIENTS, run.extent.clients), run.extent.clients}):
            run.say(f"registrations, {count} clients at once …")
            yield from _many(run, supply, sites, count)
        run.say(f"{PEOPLE} people for {PLACES} places …")
        yield from _rush(run, supply.crowd, sites)


def _many(run: Run, supply: Supply, sites: list[Site], count: int) -> Iterator[Row]:
    scene, extent = supply.crowd.scene, run.extent
    # Either side takes a turn in every round, however short, and one to warm up.
    each = int(_USED_IN_A_SECOND * extent.rounds * extent.seconds) // count + 4 * (extent.rounds + 1)
    supplies = supply.shared_out(count, each=each)
    token = issue_access_token(Standing(scene.user, scene.account, Role.MANAGER))

    def operations_of_client(number: int) -> Operations:
        client = sites[number % SITES].connect(token)
        plain = PlainRegistrations(scene.tenant_id, scene.user.pk)
        mine = supplies[number]
        return {
            "empty": lambda: client.get("/api/v1/me"),
            **over_the_api(client, mine),
            **{f"plain {name}": work for name, work in by_hand(plain, mine).items()},
        }

    with Clients(count, operations_of_client) as clients:
        names = ["empty", *TITLES, *(f"plain {name}" for name in TITLES)]
        turns = dict(zip(names, run.measure([clients.side(name) for name in names]), strict=True))
    # The limits are for that many clients; of more, the figures are told.
    limited = count == FEW_CLIENTS
    for name, title in TITLES.items():
        floor = Limit(at_least=OF_PLAIN[name]) if limited and name in OF_PLAIN else None
        yield compared_rates(f"{title}, {count} clients at once", turns[name], turns[f"plain {name}"], floor)
    for name, title in TITLES.items():
        share = share_of_rate(turns[name], turns["empty"])
        least = Limit(at_least=OF_EMPTY[name]) if limited and name in OF_EMPTY else None
        yield Row(
            what=f"{title}, {count} clients, of an empty request's rate",
            ours=f"{typical_rate(turns[name]):.0f} of {typical_rate(turns['empty']):.0f}/s",
            ratio=f"{share.median:.2f} of its rate",
            spread=f"{share.lower:.2f}–{share.upper:.2f}",
            limit=str(least or ""),
            kept=None if least is None else least.holds(share.median),
        )


def _rush(run: Run, crowd: Crowd, sites: list[Site]) -> Iterator[Row]:
    """Let everybody ask at once, all requests on their way before the first answer is read, round by round."""
    scene, event_id = crowd.scene, crowd.rushed.pk
    tokens = _add_people(scene)
    count = min(run.extent.clients, PEOPLE)
    # Each is long enough to be told from noise, and one more warms up.
    measured = run.extent.rounds // 2
    rounds = measured + 1
    rivals = {name: [_option(crowd) for _ in range(rounds)] for name in ("ours", "plain")}

    def operations_of_client(number: int) -> Operations:
        mine = list(tokens.items())[number::count]
        return {
            "ours": _asking_at_once(
                [sites[place % SITES].connect(token) for place, (_, token) in enumerate(mine, start=number)],
                f"/api/v1/events/{event_id}/register",
                cycle(rivals["ours"]),
            ),
            "plain": _asking_by_hand(scene, event_id, [user_id for user_id, _ in mine], cycle(rivals["plain"])),
        }

    with Clients(count, operations_of_client) as clients:
        # No time given: everybody asks once in each turn.
        ours, plain = interleaved([clients.side("ours"), clients.side("plain")], rounds=measured, seconds=0)
    yield compared_whole(f"{PEOPLE} people for {PLACES} places at once (API)", ours, plain, WHOLE)
    for name, options in rivals.items():
        taken = [_taken(scene, option) for option in options]
        yield proof(
            f"places taken of {PLACES} in each of {rounds} rushes, {'API' if name == 'ours' else 'plain SQL'}",
            found=" ".join(sorted({str(number) for number in taken})),
            kept=set(taken) == {PLACES},
        )


class UnexpectedAnswer(RuntimeError):
    """Somebody who wanted a place was told neither that it is theirs nor that there is none."""


def _asking_at_once(people: list[Client], path: str, options: Iterator[UUID]) -> Callable[[], None]:
    def ask() -> None:
        wish = {"event_option_id": str(next(options))}
        for person in people:
            person.send("POST", path, wish)
        for person in people:
            status, answer = person.receive()
            if status != 201 and not (status == 409 and b"INVENTORY_EXHAUSTED" in answer):
                raise UnexpectedAnswer(f"{path} was answered with {status}: {answer[:1000]!r}")

    return ask


def _asking_by_hand(scene: Scene, event_id: UUID, people: list[UUID], options: Iterator[UUID]) -> Callable[[], None]:
    plain = PlainRegistrations(scene.tenant_id, scene.user.pk)

    def ask() -> None:
        option_id = next(options)
        for user_id in people:
            plain.user_id = user_id
            plain.try_to_register(event_id, option_id, PRICE, CURRENCY)

    return ask


def _add_people(scene: Scene) -> dict[UUID, str]:
    """Make people who may register, and return the access token of each."""
    users = User.objects.bulk_create(
        User(email=f"{scene.account.slug}-rush-{number}@example.org", name=f"Visitor {number}")
        for number in range(PEOPLE)
    )
    with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic():
        Membership.objects.bulk_create(
            Membership(tenant_id=scene.tenant_id, user=user, role=Role.ATTENDEE) for user in users
        )
    return {user.pk: issue_access_token(Standing(user, scene.account, Role.ATTENDEE)) for user in users}


def _option(crowd: Crowd) -> UUID:
    with tenant_scope(crowd.scene.tenant_id, user_id=crowd.scene.user.pk), transaction.atomic():
        option = EventOption.objects.create(
            event=crowd.rushed,
            option_name="Seat",
            total_available=PLACES,
            cost_per_unit=PRICE,
            currency=crowd.rushed.currency,
        )
        option_id: UUID = option.pk
        return option_id


def _taken(scene: Scene, option_id: UUID) -> int:
    """Return how many hold a place, by the rows and by the counter; -1 when these differ."""
    with tenant_scope(scene.tenant_id), transaction.atomic():
        rows = EventRegistration.objects.filter(event_option_id=option_id, holds=True).count()
        counted = EventOption.objects.values_list("held_count", flat=True).get(pk=option_id)
    return rows if rows == counted else -1
