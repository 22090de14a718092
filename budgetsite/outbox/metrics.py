"""Figures of the outbox, and whether it keeps up."""

from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings
from prometheus_client.core import Metric

from budgetsite.operations.figures import briefly, figure, gauge, register
from budgetsite.operations.readiness import NotReady, register_check
from budgetsite.outbox.selectors import outbox_state

SOURCE, WAITING, FAILING, LAG = "outbox", "outbox_waiting", "outbox_failing", "outbox_lag_seconds"


@dataclass(frozen=True, slots=True)
class OutboxFigures:
    name: str = SOURCE

    def read(self) -> Sequence[Metric]:
        with briefly():
            state = outbox_state()
        return [
            gauge(WAITING, "Events that wait to be relayed.", state.waiting),
            gauge(FAILING, "Events among them that a consumer could not take.", state.failing),
            gauge(LAG, "How long the oldest event waits that no consumer has failed on.", state.lag_seconds),
        ]


def outbox_keeps_up() -> None:
    lag = figure(SOURCE, LAG)
    if lag is None:
        raise NotReady("How long events wait can't be told.")
    if lag > settings.READY_OUTBOX_LAG_SECONDS:
        raise NotReady(f"The oldest event waits for {lag:.0f} s: is a worker running?")


register(OutboxFigures())
register_check("outbox", outbox_keeps_up)
