"""Budgets that cross a threshold and come back, by the site's own posting and by hand."""

from decimal import Decimal
from uuid import UUID

from django.db import transaction

from budgets.models import BudgetLineItem, Category, EntryKind, EntrySource, EventBudget
from budgets.services import ledger
from budgets.services.ledger_proof import verify_ledger
from budgetsite.outbox.models import OutboxEvent
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.plain_alerts import PlainAlerts
from budgetsite.testing.benchmarks.scenery import CURRENCY, TOTAL, Scene, add_many_budgets

# Of the default rule; nothing else is reached on the way.
MILESTONE = 50
AMOUNT = TOTAL * 6 / 10
# Far from any threshold.
CENTS = Decimal("0.01")


class Crossings:
    """`count` budgets of an account, all their money planned on one line each; each is below every threshold."""

    def __init__(self, scene: Scene, count: int) -> None:
        self.scene = scene
        add_many_budgets(scene, count)
        with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic():
            category = Category.objects.order_by("sort_order", "pk").first()
            budgets = EventBudget.objects.order_by("event__event_date", "pk")
            lines = BudgetLineItem.objects.bulk_create(
                BudgetLineItem(
                    budget=budget,
                    category=category,
                    name="All of it",
                    currency=CURRENCY,
                    budgeted_amount=TOTAL,
                    variance_amount=TOTAL,
                )
                for budget in budgets
            )
            budgets.update(lines_total_amount=TOTAL)
        self.pairs: list[tuple[UUID, UUID]] = [(line.budget_id, line.pk) for line in lines]

    def cross(self, number: int) -> None:
        self.post(number, AMOUNT)

    def come_back(self, number: int) -> None:
        self.post(number, -AMOUNT)

    def post(self, number: int, amount: Decimal) -> None:
        budget_id, line_id = self.pairs[number]
        scene = self.scene
        with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic():
            ledger.post(
                budget_id=budget_id,
                line_item_id=line_id,
                kind=EntryKind.ACTUAL if amount > 0 else EntryKind.REFUND,
                actual_delta=amount,
                currency=CURRENCY,
                source=EntrySource.MANUAL,
            )

    def plain(self) -> PlainAlerts:
        return PlainAlerts(self.scene.tenant_id, self.scene.user.pk)

    def cross_by_hand(self, plain: PlainAlerts, number: int) -> None:
        plain.cross(*self.pairs[number], AMOUNT, CURRENCY, milestone=MILESTONE)

    def come_back_by_hand(self, plain: PlainAlerts, number: int) -> None:
        plain.come_back(*self.pairs[number], AMOUNT, CURRENCY)

    def told(self, kind: str) -> int:
        """Return how many events of a kind the account's outbox has had."""
        with tenant_scope(self.scene.tenant_id), transaction.atomic():
            return OutboxEvent.objects.filter(kind=kind).count()

    def problems(self) -> list[str]:
        """Return what is wrong with the account's books."""
        with tenant_scope(self.scene.tenant_id), transaction.atomic():
            return [str(problem) for problem in verify_ledger()]
