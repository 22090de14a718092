"""Ask a budget of Budgetsite before spending, and tell it what was spent. One file, Python 3.10 or newer, nothing else.

    budgets = Budgetsite("https://budgets.example.org", key=os.environ["BUDGETSITE_KEY"])

    with budgets.holding(budget_id, Decimal("4.50")) as hold:    # Refused: it does not fit, and nothing was begun
        cost = do_the_work()
        hold.settle(cost)                                        # without this, or after an error, it is released

Each call happens once, however often it has to be sent: a POST that changes something carries an `Idempotency-Key`, the
same one in each attempt, so that a request whose answer got lost is answered again and not done again. What is
temporary (no connection, no answer in time, 429, 502, 503, 504) is tried again, later and later, at random moments and
never before the server's `Retry-After`.

A program that may itself stop half-way keeps a `call_id` of its own beside its work and passes it: after the restart
the same call with the same id happens once too, for two days.
"""

from __future__ import annotations

import http.client
import json
import random
import ssl
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID, uuid4

ATTEMPTS = 6
# Of one attempt, connecting and waiting for the answer each.
TIMEOUT_SECONDS = 10.0
# Pauses grow from the first to the longest; each is drawn at random up to its length.
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 20.0
# All attempts and pauses of one call together. A server that asks for more time than is left gets no more attempts.
PATIENCE_SECONDS = 90.0
HOLD_SECONDS = 15 * 60

_TEMPORARY = frozenset({429, 502, 503, 504})
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


# --- What comes back --------------------------------------------------------------------------------------------------


class BudgetsiteError(Exception):
    """Whatever kept a call from succeeding."""


class Unavailable(BudgetsiteError):
    """No answer after all attempts. Whether it was done is not known: the same call with this `call_id` is safe."""

    def __init__(self, why: str, call_id: str) -> None:
        self.call_id = call_id
        super().__init__(f"Budgetsite can't be reached: {why}")


class Rejected(BudgetsiteError):
    """The request was answered and refused; sending it again would change nothing.

    `status` is HTTP's; `errors` are `{"code", "detail", "attr"}`: for programs, for people, the field it is about.
    401: the key; 403: the key lacks an action; 404: no such budget, or out of the key's reach.
    """

    def __init__(self, status: int, answer: Mapping[str, Any]) -> None:
        self.status = status
        self.answer = answer
        self.errors: list[Mapping[str, Any]] = list(answer.get("errors", ()))
        super().__init__(" ".join(str(error.get("detail", "")) for error in self.errors) or f"HTTP {status}")

    @property
    def codes(self) -> list[str]:
        return [str(error.get("code", "")) for error in self.errors]


@dataclass(frozen=True)
class Refusal:
    """A budget that stands against an amount: the one asked for, or one above it."""

    # None: a scope that has no budget at all.
    budget_id: str | None
    name: str
    scope_type: str
    reason: str
    action: str | None
    remaining: Decimal


class Refused(Rejected):
    """It does not fit (409). Nothing was recorded or reserved; `refusals` name every budget that has no room."""

    @property
    def refusals(self) -> list[Refusal]:
        return _refusals(self.answer["refusals"])


@dataclass(frozen=True)
class Check:
    """The answer to a question. It holds nothing free: whoever goes on without reserving may come too late."""

    can_proceed: bool
    reason: str | None
    suggested_actions: list[str]
    projected_percent: Decimal | None
    refusals: list[Refusal]


@dataclass
class Hold:
    """An amount that is kept free until it is settled or released, or its time is over."""

    client: Budgetsite = field(repr=False)
    budget_id: str
    reservation_id: str
    amount: Decimal
    is_open: bool = True

    def settle(self, amount: Decimal, *, call_id: str | None = None) -> Mapping[str, Any]:
        """Record what was really spent, more than was held too, and free the rest. Also after the time was over.

        After `Unavailable` the money may be recorded or not: settle again with its `call_id`, and never release.
        """
        self.is_open = False
        return self.client.settle(self.budget_id, self.reservation_id, amount, call_id=call_id)

    def release(self, *, call_id: str | None = None) -> Mapping[str, Any]:
        """Free all of it: nothing was spent."""
        self.is_open = False
        return self.client.release(self.budget_id, self.reservation_id, call_id=call_id)


# --- The client -------------------------------------------------------------------------------------------------------


class Budgetsite:
    """One account's budgets, by one API key. Safe to share between threads: every attempt has its own connection."""

    def __init__(
        self,
        address: str,
        *,
        key: str,
        timeout: float = TIMEOUT_SECONDS,
        attempts: int = ATTEMPTS,
        patience: float = PATIENCE_SECONDS,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        parts = urlsplit(address)
        if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _LOOPBACK):
            raise ValueError("The key would travel in the clear: give an https:// address.")
        if not parts.hostname:
            raise ValueError(f"No address of a site: {address!r}.")
        self._parts = parts
        self._key = key
        self._timeout, self._attempts, self._patience, self._sleep = timeout, attempts, patience, sleep

    def __repr__(self) -> str:
        return f"Budgetsite({self._parts.scheme}://{self._parts.netloc})"

    # Asking

    def who_am_i(self) -> Mapping[str, Any]:
        """Return what this key is and may do."""
        return self._call("GET", "/me")

    def status(self, budget_id: str | UUID) -> Mapping[str, Any]:
        """Return what is spent, reserved and left in the budget's window of now; amounts are strings."""
        return self._call("GET", f"/budgets/{budget_id}/status")

    def check(self, budget_id: str | UUID, estimated_cost: Decimal) -> Check:
        """Ask whether an amount would fit into a budget and all those above it."""
        return _check(
            self._call("POST", f"/budgets/{budget_id}/check-constraints", {"estimated_cost": _text(estimated_cost)})
        )

    def check_scopes(self, scopes: Mapping[str, str], estimated_cost: Decimal) -> Check:
        """Ask for several scopes at once, for instance `{"user": "ana", "project": "website"}`."""
        body = {"scopes": dict(scopes), "estimated_cost": _text(estimated_cost)}
        return _check(self._call("POST", "/budgets/check-constraints", body))

    # Reserving

    def reserve(
        self,
        budget_id: str | UUID,
        amount: Decimal,
        *,
        ttl_seconds: int = HOLD_SECONDS,
        call_id: str | None = None,
    ) -> Hold:
        """Keep an amount free for so long. Raises `Refused` when it does not fit."""
        body = {"amount": _text(amount), "ttl_seconds": ttl_seconds}
        held = self._once(f"/budgets/{budget_id}/reservations", body, call_id)
        return Hold(self, str(budget_id), str(held["id"]), Decimal(held["amount"]))

    def settle(
        self, budget_id: str | UUID, reservation_id: str | UUID, amount: Decimal, *, call_id: str | None = None
    ) -> Mapping[str, Any]:
        body = {"amount": _text(amount)}
        return self._once(f"/budgets/{budget_id}/reservations/{reservation_id}/settle", body, call_id)

    def release(
        self, budget_id: str | UUID, reservation_id: str | UUID, *, call_id: str | None = None
    ) -> Mapping[str, Any]:
        return self._once(f"/budgets/{budget_id}/reservations/{reservation_id}/release", {}, call_id)

    @contextmanager
    def holding(
        self,
        budget_id: str | UUID,
        amount: Decimal,
        *,
        ttl_seconds: int = HOLD_SECONDS,
        call_id: str | None = None,
    ) -> Iterator[Hold]:
        """Reserve, let the work be done within, and release at the end what the work has not settled.

        When the work has failed, a release that finds no answer is left to the time to live: what went wrong in the
        work is what the caller has to hear.
        """
        hold = self.reserve(budget_id, amount, ttl_seconds=ttl_seconds, call_id=call_id)
        try:
            yield hold
        except BaseException:
            if hold.is_open:
                with suppress(BudgetsiteError):
                    hold.release()
            raise
        if hold.is_open:
            hold.release()

    # Recording

    def record_usage(
        self,
        budget_id: str | UUID,
        amount: Decimal,
        currency: str,
        *,
        source: str = "api",
        timestamp: datetime | None = None,
        description: str = "",
        metadata: Mapping[str, Any] | None = None,
        enforce: bool = False,
        call_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Record what was spent, once. With `enforce` it is asked first: `Refused` when it does not fit."""
        body: dict[str, Any] = {"amount": _text(amount), "currency": currency, "source": source}
        if timestamp is not None:
            if timestamp.tzinfo is None:
                raise ValueError("A time needs its zone: the budget's window depends on it.")
            body["timestamp"] = timestamp.isoformat()
        if description:
            body["description"] = description
        if metadata:
            body["metadata"] = dict(metadata)
        if enforce:
            body["enforce"] = True
        return self._once(f"/budgets/{budget_id}/usage", body, call_id)

    # Sending

    def _once(self, path: str, body: Mapping[str, Any], call_id: str | None) -> Mapping[str, Any]:
        return self._call("POST", path, body, call_id=call_id or str(uuid4()))

    def _call(
        self, method: str, path: str, body: Mapping[str, Any] | None = None, *, call_id: str = ""
    ) -> Mapping[str, Any]:
        """Send until there is an answer that is meant to last, and return it.

        Raises `Refused`, `Rejected`, and `Unavailable` when attempts or patience are used up.
        """
        until = time.monotonic() + self._patience
        why = ""
        for attempt in range(self._attempts):
            asked_for = 0.0
            try:
                status, retry_after, answer = self._attempt(method, path, body, call_id)
            except (OSError, http.client.HTTPException) as error:
                # Perhaps it was done and only the answer is lost: the next attempt has the same Idempotency-Key.
                why = f"{type(error).__name__}: {error}"
            else:
                if status not in _TEMPORARY:
                    return _outcome(status, answer)
                why, asked_for = f"HTTP {status}", retry_after
            pause = max(asked_for, random.uniform(0, _longest_pause(attempt)))  # noqa: S311  (no secret)
            if attempt + 1 == self._attempts or time.monotonic() + pause > until:
                break
            self._sleep(pause)
        raise Unavailable(why, call_id)

    def _attempt(
        self, method: str, path: str, body: Mapping[str, Any] | None, call_id: str
    ) -> tuple[int, float, Mapping[str, Any]]:
        """Send once on a new connection; return the status, the seconds of `Retry-After`, and the answer."""
        headers = {"Authorization": f"Bearer {self._key}", "Accept": "application/json", "Connection": "close"}
        sent = None
        if body is not None:
            sent = json.dumps(body).encode()
            headers["Content-Type"] = "application/json"
        if call_id:
            headers["Idempotency-Key"] = call_id
        connection = self._connection()
        try:
            connection.request(method, f"{self._parts.path.rstrip('/')}/api/v1{path}", sent, headers)
            response = connection.getresponse()
            text = response.read()
        finally:
            connection.close()
        answer = _json(text)
        if 200 <= response.status < 300 and answer is None:
            raise http.client.HTTPException("The answer is cut off, or none of Budgetsite's.")
        return response.status, _seconds(response.getheader("Retry-After")), answer or {}

    def _connection(self) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=self._timeout)
        return http.client.HTTPSConnection(host, port, timeout=self._timeout, context=ssl.create_default_context())


def _longest_pause(attempt: int) -> float:
    return float(min(LONGEST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2**attempt))


def _outcome(status: int, answer: Mapping[str, Any]) -> Mapping[str, Any]:
    if 200 <= status < 300:
        return answer
    if status == 409 and "refusals" in answer:
        raise Refused(status, answer)
    raise Rejected(status, answer)


def _text(amount: Decimal) -> str:
    if not isinstance(amount, Decimal) or not amount.is_finite():
        raise ValueError(f"Amounts are finite Decimals, made from texts: Decimal('4.50'). This is none: {amount!r}.")
    return f"{amount:f}"


def _seconds(header: str | None) -> float:
    """Return the seconds that `Retry-After` asks for, none if it says a date: Budgetsite sends seconds."""
    return float(header) if header and header.strip().isdigit() else 0.0


def _json(text: bytes) -> Mapping[str, Any] | None:
    """Return an answer's object; None when it has none: a proxy in between may answer with a page."""
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _check(answer: Mapping[str, Any]) -> Check:
    percent = answer["projected_percent"]
    return Check(
        # Anything but a clear yes is a no.
        can_proceed=answer["can_proceed"] is True,
        reason=answer.get("reason"),
        suggested_actions=list(answer.get("suggested_actions", ())),
        projected_percent=None if percent is None else Decimal(percent),
        refusals=_refusals(answer.get("refusals", ())),
    )


def _refusals(rows: Sequence[Mapping[str, Any]]) -> list[Refusal]:
    return [
        Refusal(
            budget_id=row["budget_id"],
            name=str(row["name"]),
            scope_type=str(row["scope_type"]),
            reason=str(row["reason"]),
            action=row.get("action"),
            remaining=Decimal(row["remaining"]),
        )
        for row in rows
    ]
