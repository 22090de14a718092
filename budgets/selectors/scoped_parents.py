"""The budgets that another can stand under, in the order of the tree."""

from datetime import datetime
from uuid import UUID

from budgets.selectors.company_tree import Node, company_tree
from budgets.services.hierarchy import ChainBudget


def possible_parents(*, now: datetime, currency: str | None = None, outside: UUID | None = None) -> list[ChainBudget]:
    """Return those that have not ended, each after its parent; in `currency`, and not `outside` nor below it."""
    rows: list[ChainBudget] = []

    def walk(nodes: list[Node]) -> None:
        for node in nodes:
            if node.budget.id == outside:
                continue
            if currency in (None, node.budget.currency):
                rows.append(node.budget)
            walk(node.children)

    walk(company_tree(now=now).roots)
    return rows
