"""Registrations over the API: asking, approving, listing, reporting, the door; flat however many there are."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db import transaction

from budgets.services.ledger_audit import audit_ledger
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.crowd import PRICE, Crowd, refresh_statistics
from budgetsite.testing.benchmarks.measure import repeating, share_of_rate, typical_milliseconds
from budgetsite.testing.benchmarks.plain_registrations import PlainRegistrations
from budgetsite.testing.benchmarks.report import Limit, Row, compared_times, growth, proof, statements
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import CURRENCY, Scene, open_scene
from budgetsite.testing.benchmarks.site import Client
from budgetsite.testing.benchmarks.statements import request_in_process, statements_of
from registrations.services.registration_proof import verify_registrations

FEW = 1_000
PAGE = 50
# A page as far down as a crowd of a hundred thousand has.
FAR_PAGE = 2_000
FLAT = Limit(at_most=1.3)
SHARES = {"register": 0.2, "approve": 0.15, "list": 0.12, "variance": 0.4, "check-in": 0.3}

Work = Callable[[], object]


def measure(run: Run) -> list[Row]:
    run.say("registrations …")
    crowds = [Crowd(open_scene("crowd"), size=size) for size in (FEW, run.extent.crowd)]
    refresh_statistics()
    sides = [_Side(run, crowd) for crowd in crowds]
    small, large = sides
    rows: list[Row] = []
    # First, while the small side still has its connection: one that nobody uses is closed after a minute.
    for name in ("variance", "preflight", "approve"):
        turns = run.measure([repeating(work) for side in sides for work in (side.ours[name], side.by_hand[name])])
        rows.append(
            growth(
                f"{name}, {FEW} → {run.extent.crowd} registrations",
                small=turns[0],
                large=turns[2],
                plain_small=turns[1],
                plain_large=turns[3],
                limit=FLAT,
            )
        )
    empty = repeating(lambda: large.client.get("/api/v1/me"))
    for name, title in (
        ("register", "register (API)"),
        ("approve", "approve (API)"),
        ("list", f"list {PAGE} registrations (API)"),
        ("variance", "variance report (API)"),
        ("preflight", "pre-flight (API)"),
        ("check-in", "check-in (API)"),
    ):
        ours, by_hand, nothing = run.measure([repeating(large.ours[name]), repeating(large.by_hand[name]), empty])
        rows.append(compared_times(f"{title}, {run.extent.crowd} registrations", ours, by_hand))
        if name in SHARES:
            share, limit = share_of_rate(ours, nothing), Limit(at_least=SHARES[name])
            rows.append(
                Row(
                    what=f"{name}, as a share of an empty signed-in request's rate",
                    ours=f"{typical_milliseconds(ours):.2f} ms",
                    ratio=f"{share.median:.2f}",
                    spread=f"{share.lower:.2f}–{share.upper:.2f}",
                    limit=str(limit),
                    kept=limit.holds(share.median),
                )
            )
    first, far = run.measure([repeating(large.ours["list"]), repeating(large.far_page())])
    plain_first, plain_far = run.measure([repeating(large.by_hand["list"]), repeating(large.by_hand["list"])])
    rows.append(
        growth(
            f"list of {PAGE}, page 1 → {large.far}", small=first, large=far, plain_small=plain_first,
            plain_large=plain_far, limit=FLAT,
        )
    )  # fmt: skip
    rows += [
        statements(f"statements of {what}", small.statements_of(what), Limit(at_most=most))
        for what, most in (("register", 10), ("approve", 14), ("list", 5))
    ]
    rows += [_proof(side.scene) for side in sides]
    return rows


class _Side:
    """One crowd, and everything that is asked of it: over the API and by hand."""

    def __init__(self, run: Run, crowd: Crowd) -> None:
        self.scene, self.crowd = crowd.scene, crowd
        self.client: Client = run.site().sign_in(crowd.scene)
        self.far = min(FAR_PAGE, crowd.size // PAGE)
        plain = PlainRegistrations(crowd.scene.tenant_id, crowd.scene.user.pk)
        run.at_the_end(plain.close)
        event_id = crowd.event.pk
        self.path = f"/api/v1/events/{event_id}"
        self._options, self._waiting, codes = crowd.options(), crowd.waiting(), cycle(crowd.codes)
        self.requests: dict[str, tuple[str, str, Callable[[], dict[str, Any]] | None]] = {
            "register": ("POST", f"/api/v1/events/{crowd.asked.pk}/register", self._wish),
            "list": ("GET", f"{self.path}/registrations?limit={PAGE}", None),
            "variance": ("GET", f"{self.path}/budget-variance", None),
            "preflight": ("POST", f"{self.path}/check-conflicts", lambda: {"event_option_id": str(crowd.free.pk)}),
            "check-in": ("POST", f"{self.path}/check-in", lambda: {"qr_token": next(codes)}),
        }
        self.ours: dict[str, Work] = {name: self._asking(name) for name in self.requests}
        self.ours["approve"] = lambda: self.client.call("PUT", self._next_waiting(), {"status": "APPROVED"})
        self.by_hand: dict[str, Work] = {
            "register": lambda: plain.register(crowd.asked.pk, next(self._options), PRICE, CURRENCY),
            "approve": lambda: plain.approve(event_id, crowd.budget_id, next(self._waiting), PRICE, CURRENCY),
            "list": lambda: plain.list_registrations(event_id, PAGE),
            "variance": lambda: plain.variance(event_id),
            "preflight": lambda: plain.preflight(event_id, crowd.free.pk),
            "check-in": lambda: plain.check_in(event_id, next(codes)),
        }

    def far_page(self) -> Work:
        """Return the asking for a page far down, by the cursor that leads there."""
        position = self.crowd.moment_of_row((self.far - 1) * PAGE)
        cursor = b64encode(urlencode({"p": str(position)}).encode()).decode()
        path = f"{self.path}/registrations?{urlencode({'limit': PAGE, 'cursor': cursor})}"
        return lambda: self.client.get(path)

    def statements_of(self, name: str) -> int:
        token = self.client.token
        if name == "approve":

            def work() -> None:
                body = {"status": "APPROVED"}
                request_in_process("PUT", self._next_waiting(), token=token, body=lambda: body)

        else:
            method, path, body_of = self.requests[name]

            def work() -> None:
                request_in_process(method, path, token=token, body=body_of)

        # What is asked for next is there already, so that making more of it is not counted.
        next(self._waiting if name == "approve" else self._options)
        return len(statements_of(work))

    def _asking(self, name: str) -> Work:
        method, path, body = self.requests[name]
        if body is None:
            return lambda: self.client.get(path)
        return lambda: self.client.call(method, path, body())

    def _wish(self) -> dict[str, Any]:
        return {"event_option_id": str(next(self._options))}

    def _next_waiting(self) -> str:
        registration: UUID = next(self._waiting)
        return f"{self.path}/registrations/{registration}"


def _proof(scene: Scene) -> Row:
    with tenant_scope(scene.tenant_id), transaction.atomic():
        wrong: Iterator[object] = iter([*verify_registrations(), *audit_ledger().discrepancies])
        first = next(wrong, None)
    return proof(f"counters and ledger of “{scene.account.name}”", found=str(first or "all right"), kept=first is None)
