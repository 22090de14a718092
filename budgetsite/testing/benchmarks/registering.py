"""Registrations over the API: asking, approving, listing, reporting, the door; flat however many there are."""

from base64 import b64encode
from collections.abc import Iterator
from itertools import chain
from urllib.parse import urlencode

from django.db import transaction

from budgets.services.ledger_audit import audit_ledger
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks import registering_at_once
from budgetsite.testing.benchmarks.asking import PAGE, TITLES, Supply, Work, by_hand, over_the_api, requests
from budgetsite.testing.benchmarks.crowd import Crowd, refresh_statistics
from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.plain_registrations import PlainRegistrations
from budgetsite.testing.benchmarks.report import Limit, Row, compared_times, growth, proof, statements
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import Scene, open_scene
from budgetsite.testing.benchmarks.statements import request_in_process, statements_of
from registrations.services.registration_proof import verify_registrations

# A page as far down as a crowd of a hundred thousand has.
FAR_PAGE = 2_000
FLAT = Limit(at_most=1.3)
MOST_STATEMENTS = {"register": 10, "approve": 14, "list": 5}


def measure(run: Run) -> list[Row]:
    run.say("registrations …")
    crowds = [Crowd(open_scene("crowd"), size=size) for size in run.extent.crowds]
    refresh_statistics()
    sides = [_Side(run, crowd) for crowd in crowds]
    large = sides[-1]
    rows: list[Row] = []
    # First, while the small sides still have their connections: one that nobody uses is closed after a minute.
    for name in ("variance", "preflight", "approve"):
        rows += _growth(run, sides, name)
    names = list(TITLES)
    turns = run.measure([repeating(side[name]) for name in names for side in (large.ours, large.by_hand)])
    rows += [
        compared_times(f"{TITLES[name]} (API), {large.crowd.size} registrations", ours, plain)
        for name, ours, plain in zip(names, turns[::2], turns[1::2], strict=True)
    ]
    rows += _far_page(run, large)
    rows += registering_at_once.measure(run, large.supply)
    rows += [
        statements(f"statements of {name}", sides[0].statements_of(name), Limit(at_most=most))
        for name, most in MOST_STATEMENTS.items()
    ]
    return [*rows, *(_proof(side.crowd.scene) for side in sides)]


class _Side:
    """One crowd, and everything that is asked of it: over the API and by hand."""

    def __init__(self, run: Run, crowd: Crowd) -> None:
        self.crowd, self.supply = crowd, Supply.of(crowd)
        self.client = run.site().sign_in(crowd.scene)
        plain = PlainRegistrations(crowd.scene.tenant_id, crowd.scene.user.pk)
        run.at_the_end(plain.close)
        self.ours = over_the_api(self.client, self.supply)
        self.by_hand = by_hand(plain, self.supply)

    def list_page(self, number: int) -> Work:
        """Return the asking for a page further down, by the cursor that leads there."""
        position = self.crowd.moment_of_row((number - 1) * PAGE)
        cursor = b64encode(urlencode({"p": str(position)}).encode()).decode()
        query = urlencode({"limit": PAGE, "cursor": cursor})
        path = f"/api/v1/events/{self.crowd.event.pk}/registrations?{query}"
        return lambda: self.client.get(path)

    def statements_of(self, name: str) -> int:
        # Made beforehand: making what is asked for is not counted.
        [supply] = self.supply.shared_out(1, each=2)
        request = requests(supply)[name]

        def work() -> None:
            method, path, body = request()
            request_in_process(method, path, token=self.client.token, body=None if body is None else lambda: body)

        return len(statements_of(work))


def _growth(run: Run, sides: list[_Side], name: str) -> Iterator[Row]:
    """Compare the larger crowds with the smallest."""
    turns = run.measure([repeating(work) for side in sides for work in (side.ours[name], side.by_hand[name])])
    for number, side in enumerate(sides[1:], start=1):
        yield growth(
            f"{name}, {sides[0].crowd.size} → {side.crowd.size} registrations",
            small=turns[0],
            large=turns[number * 2],
            plain_small=turns[1],
            plain_large=turns[number * 2 + 1],
            limit=FLAT,
        )


def _far_page(run: Run, side: _Side) -> Iterator[Row]:
    number = min(FAR_PAGE, side.crowd.size // PAGE)
    first, far, plain = run.measure(
        [repeating(work) for work in (side.ours["list"], side.list_page(number), side.by_hand["list"])]
    )
    yield growth(
        f"list of {PAGE}, page 1 → {number}", small=first, large=far, plain_small=plain, plain_large=plain, limit=FLAT
    )


def _proof(scene: Scene) -> Row:
    with tenant_scope(scene.tenant_id), transaction.atomic():
        first = next(chain(verify_registrations(), audit_ledger().discrepancies), None)
    return proof(f"counters and ledger of “{scene.account.name}”", found=str(first or "all right"), kept=first is None)
