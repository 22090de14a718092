"""Recomputing a budget's totals: its cost may hardly depend on how many lines there are."""

from collections.abc import Callable
from uuid import UUID

from django.db import transaction

from budgets.services.recalculation import recalculate_budget
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.report import Limit, Row, growth
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import Scene, add_budget, open_scene, refresh_statistics

SMALL = 10
TIMES_AS_LONG = Limit(at_most=3)


def measure(run: Run) -> list[Row]:
    run.say("recomputing a small and a large budget …")
    scene = open_scene("recompute")
    small, large = add_budget(scene, lines=SMALL).pk, add_budget(scene, lines=run.extent.large).pk
    refresh_statistics()
    plain = run.plain_sql(scene)
    turns = run.measure(
        [
            repeating(_recomputing(scene, small)),
            repeating(_recomputing(scene, large)),
            repeating(lambda: plain.recompute(small)),
            repeating(lambda: plain.recompute(large)),
        ]
    )
    return [
        growth(
            f"recompute a budget of {SMALL} → {run.extent.large} lines",
            small=turns[0],
            large=turns[1],
            plain_small=turns[2],
            plain_large=turns[3],
            limit=TIMES_AS_LONG,
        )
    ]


def _recomputing(scene: Scene, budget_id: UUID) -> Callable[[], None]:
    def recompute() -> None:
        with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic():
            recalculate_budget(budget_id)

    return recompute
