"""Overview and months over a long ledger: computed against plain SQL, and remembered against computed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from functools import partial
from itertools import count

from django.db import transaction
from django.utils import timezone

from budgets.selectors.analytics.inquiry import Inquiry, inquiry_at
from budgets.selectors.analytics.overview import overview
from budgets.selectors.analytics.trends import trends
from budgetsite.accounts.roles import Role
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.plain_analytics import PlainAnalytics
from budgetsite.testing.benchmarks.report import Limit, Row, compared_times, for_information
from budgetsite.testing.benchmarks.run import FULL, Run
from budgetsite.testing.benchmarks.scenery import (
    CURRENCY,
    Scene,
    add_budget,
    add_entries,
    line_ids,
    open_scene,
    refresh_statistics,
)

COMPUTED = Limit(at_most=3)
# Of a long ledger: what is remembered costs the same whatever its length.
REMEMBERED = Limit(at_most=0.05)
BUDGETS, LINES = 5, 20
# The months of the chart, and some days before them.
DAYS = 380

Question = Callable[[Inquiry], object]


def measure(run: Run) -> list[Row]:
    run.say("analytics over a long ledger …")
    scene = open_scene("analytics")
    for _ in range(BUDGETS):
        budget_id = add_budget(scene, lines=LINES).pk
        add_entries(scene, budget_id, line_ids(scene, budget_id), run.extent.entries // BUDGETS, days=DAYS)
    refresh_statistics()
    plain = PlainAnalytics(scene.tenant_id, scene.user.pk)
    run.at_the_end(plain.close)
    client = run.site().sign_in(scene)
    zone = scene.account.timezone
    limit = REMEMBERED if run.extent.entries >= FULL.entries else None
    rows: list[Row] = []
    for name, question, by_hand in (("overview", overview, plain.overview), ("trends", trends, plain.trends)):
        computing, plainly, remembering, asking = run.measure(
            [
                repeating(computed(scene, question)),
                repeating(partial(by_hand, CURRENCY, zone)),
                repeating(remembered(scene, question)),
                repeating(partial(client.get, f"/api/v1/analytics/{name}")),
            ]
        )
        what = f"{name} of {run.extent.entries:,} entries"
        rows += [
            compared_times(f"{what}, computed", computing, plainly, COMPUTED),
            compared_times(f"{what}, remembered against computed", remembering, computing, limit),
            for_information(f"{what}, remembered (API)", asking),
        ]
    return rows


def computed(scene: Scene, question: Question) -> Callable[[], object]:
    """Ask as of another moment each time, so that nothing is remembered. Neither side goes over HTTP."""
    inquiries = _inquiries(scene)
    return lambda: _answer(scene, question, next(inquiries))


def remembered(scene: Scene, question: Question) -> Callable[[], object]:
    inquiry = next(_inquiries(scene))
    return lambda: _answer(scene, question, inquiry)


def _inquiries(scene: Scene) -> Iterator[Inquiry]:
    now = timezone.now()
    for number in count():
        inquiry = inquiry_at(now, account=scene.account, user_id=scene.user.pk, role=Role.MANAGER)
        yield replace(inquiry, as_of=inquiry.as_of + timedelta(microseconds=number))


def _answer(scene: Scene, question: Question, inquiry: Inquiry) -> object:
    with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic():
        return question(inquiry)
