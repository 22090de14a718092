"""What processes do that are killed sooner or later: change budgets by the site's own services, hurry the workers."""

import random
import time
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from kombu.exceptions import OperationalError

from alerts.models import BudgetAlert
from alerts.services.problems import AlertProblem
from alerts.services.reactions import acknowledge_alert, resolve_alert
from alerts.tests.figures import spend
from budgets.models import BudgetLineItem, EventBudget
from budgets.services.line_item import update_line_item
from budgetsite.accounts.models import Account, User
from budgetsite.notifications.tasks import send_mails
from budgetsite.outbox.tasks import relay_events
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_line
from budgetsite.webhooks.tasks import send_webhooks

TOTAL = 1000
# What a budget's actual is one after the other: across every threshold, and never back.
CLIMB = (400, 550, 780, 830, 920, 1010, 1300)
SWINGS = (0, 450, 600, 820, 950, 1150, 1400)
PAUSE_SECONDS = (0.1, 0.4)


def open_budget(account: Account, user: User) -> EventBudget:
    budget = make_budget(account, user, total=str(TOTAL))
    make_line(budget, user, budgeted_amount=Decimal(TOTAL))
    return budget


def spend_until(*, until: float, seed: int, houses: list[dict[str, Any]]) -> None:
    """Change budgets until `time.time()` says so.

    Each house is an account (`tenant`), who runs its events (`user`), and the budgets whose spending goes up and down
    (`swinging`), which other processes may change too. Others are opened here, and only ever spent from.
    """
    chance = random.Random(seed)
    climbing: dict[str, tuple[UUID, list[int]]] = {}
    while time.time() < until:
        time.sleep(chance.uniform(*PAUSE_SECONDS))
        house = chance.choice(houses)
        with tenant_scope(UUID(house["tenant"]), user_id=UUID(house["user"])), transaction.atomic():
            user = User.objects.get(pk=house["user"])
            deed = chance.random()
            if deed < 0.45:
                _climb(house["tenant"], user, climbing)
            elif deed < 0.85:
                _swing(UUID(chance.choice(house["swinging"])), Decimal(chance.choice(SWINGS)))
            else:
                _react(user, [UUID(swinging) for swinging in house["swinging"]], chance)


def hurry(*, every_seconds: float) -> None:
    """Start again and again what beat starts every five or ten seconds, so that a minute is long."""
    while True:
        time.sleep(every_seconds)
        with suppress(OperationalError):
            for task in (relay_events, send_webhooks, send_mails):
                task.apply_async(retry=False, expires=2)


def _climb(tenant: str, user: User, climbing: dict[str, tuple[UUID, list[int]]]) -> None:
    budget_id, left = climbing.get(tenant, (None, []))
    if budget_id is None or not left:
        made = open_budget(Account.objects.get(pk=tenant), user)
        climbing[tenant] = made.pk, list(CLIMB)
        return
    budget = EventBudget.objects.get(pk=budget_id)
    line = BudgetLineItem.objects.get(budget=budget)
    amount = Decimal(left.pop(0))
    update_line_item(
        budget_id=budget.pk, line_item_id=line.pk, version=budget.version, acting_user=user, actual_amount=amount
    )


def _swing(budget_id: UUID, target: Decimal) -> None:
    budget = EventBudget.objects.select_for_update(no_key=True).get(pk=budget_id)
    if target != budget.total_actual_amount:
        spend(budget, target - budget.total_actual_amount, line=BudgetLineItem.objects.get(budget=budget))


def _react(user: User, swinging: list[UUID], chance: random.Random) -> None:
    """Acknowledge or resolve an alert, unless somebody else was faster."""
    alerts = list(BudgetAlert.objects.open().filter(budget_id__in=swinging).order_by("created_at", "id"))
    if alerts:
        react = chance.choice((acknowledge_alert, resolve_alert))
        with suppress(AlertProblem), transaction.atomic():
            react(alert_id=chance.choice(alerts).pk, acting_user=user, now=datetime.now(UTC))
