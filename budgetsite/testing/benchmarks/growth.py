"""What an account's number of budgets does to its pages: the same page in an account of one and of many."""

from collections.abc import Callable
from uuid import UUID

from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.plain_sql import PlainSql
from budgetsite.testing.benchmarks.report import Row, growth
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import add_budget, add_many_budgets, open_scene, refresh_statistics
from budgetsite.testing.benchmarks.site import Client

LINES = 20


def measure(run: Run) -> list[Row]:
    run.say("the same pages in a small and a large account …")
    small, large = open_scene("small"), open_scene("large")
    in_small, in_large = add_budget(small, lines=LINES).pk, add_budget(large, lines=LINES).pk
    add_many_budgets(large, run.extent.large - 1)
    refresh_statistics()
    asking = [run.site().sign_in(scene) for scene in (small, large)]
    by_hand = [run.plain_sql(scene) for scene in (small, large)]
    # One budget on the page in either account, so that only the account differs.
    lists = run.measure(
        [repeating(_list(client)) for client in asking] + [repeating(_list_by_hand(plain)) for plain in by_hand]
    )
    pages = run.measure(
        [repeating(_page(client, pk)) for client, pk in zip(asking, (in_small, in_large), strict=True)]
        + [repeating(_page_by_hand(plain, pk)) for plain, pk in zip(by_hand, (in_small, in_large), strict=True)]
    )
    return [
        growth(
            f"{what}, account of 1 → {run.extent.large} budgets",
            small=turns[0],
            large=turns[1],
            plain_small=turns[2],
            plain_large=turns[3],
        )
        for what, turns in (("list of one budget (API)", lists), (f"budget of {LINES} lines (API)", pages))
    ]


def _list(client: Client) -> Callable[[], object]:
    return lambda: client.get("/api/v1/event-budgets?limit=1")


def _list_by_hand(plain: PlainSql) -> Callable[[], object]:
    return lambda: plain.list_budgets(1)


def _page(client: Client, budget_id: UUID) -> Callable[[], object]:
    return lambda: client.get(f"/api/v1/event-budgets/{budget_id}")


def _page_by_hand(plain: PlainSql, budget_id: UUID) -> Callable[[], object]:
    return lambda: plain.read_budget(budget_id)
