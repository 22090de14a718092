"""How often signing in fails. Who it was stands in PostgreSQL, for as long as the lock needs it."""

from typing import Any

from axes.signals import user_locked_out
from django.contrib.auth.signals import user_login_failed
from prometheus_client import Counter

FAILURES = Counter(
    "budgetsite_sign_in_failures_total",
    "Attempts to sign in that were refused, and locks that they led to.",
    ["outcome"],
)


def _count(outcome: str) -> Any:
    def count(**kwargs: Any) -> None:
        FAILURES.labels(outcome).inc()

    return count


for _signal, _outcome in (
    (user_login_failed, "failed"),
    (user_locked_out, "locked_out"),
):
    _signal.connect(_count(_outcome), weak=False, dispatch_uid=f"accounts.metrics.{_outcome}")
