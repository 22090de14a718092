"""Expenses over the API: recording one with its bill, and the list of fifty however many there are."""

import base64
import json
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

from django.db import connection, connections, transaction

from budgets.models import EventBudget, Expense
from budgets.services.ledger_audit import audit_ledger
from budgets.services.vendor import create_vendor
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.measure import repeating
from budgetsite.testing.benchmarks.plain_expenses import PlainExpenses
from budgetsite.testing.benchmarks.report import Limit, Row, compared_times, growth, proof, statements
from budgetsite.testing.benchmarks.run import Run
from budgetsite.testing.benchmarks.scenery import CURRENCY, Scene, add_budget, open_scene
from budgetsite.testing.benchmarks.site import Client
from budgetsite.testing.benchmarks.statements import request_in_process, statements_of

PAGE = 50
FAR_PAGE = 1_000
CATEGORY, VENDOR, AMOUNT = "Venue", "Florist", Decimal("12.34")
FLAT = Limit(at_most=1.3)
MOST_STATEMENTS = {"recording an expense": 14, "a list of expenses": 6}
LIST = f"/api/v1/expenses?limit={PAGE}"

_FILL = """
    INSERT INTO budgets_expense (id, tenant_id, created_at, event_id, budget_id, line_item_id, vendor_id, description,
        stage, amount, currency, budget_amount, rate_source, committed_amount, actual_amount, invoiced_amount,
        paid_amount, scheduled_amount, expense_date, invoice_number, payment_status, approval, needs_role, wanted_stage,
        decision_reason, notes, created_by_id, version)
    SELECT gen_random_uuid(), %(tenant)s, now() - n * interval '1 second', %(event)s, %(budget)s,
        (%(lines)s::uuid[])[1 + n %% cardinality(%(lines)s::uuid[])], %(vendor)s, 'Expense ' || n, 'planned',
        1 + n %% 500, %(currency)s, 1 + n %% 500, '', 0, 0, 0, 0, 0, current_date, '', 'pending', 'approved', '',
        'planned', '', '', %(user)s, 1
    FROM generate_series(1, %(count)s) n
"""


class _Side:
    """An account with so many expenses, and what is asked of it over the API and by hand."""

    def __init__(self, run: Run, size: int) -> None:
        self.scene: Scene = open_scene("expenses")
        self.size = size
        self.budget: EventBudget = add_budget(self.scene, lines=8)
        self._fill()
        self.client: Client = run.site().sign_in(self.scene)
        self.plain = PlainExpenses(self.scene.tenant_id, self.scene.user.pk)
        run.at_the_end(self.plain.close)

    def _fill(self) -> None:
        with tenant_scope(self.scene.tenant_id, user_id=self.scene.user.pk), transaction.atomic():
            vendor = create_vendor(acting_user=self.scene.user, name=VENDOR)
            lines = list(self.budget.line_items.values_list("pk", flat=True))
            values: dict[str, Any] = {
                "tenant": self.scene.tenant_id,
                "event": self.budget.event_id,
                "budget": self.budget.pk,
                "lines": lines,
                "vendor": vendor.pk,
                "currency": CURRENCY,
                "user": self.scene.user.pk,
                "count": self.size,
            }
            with connection.cursor() as cursor:
                cursor.execute(_FILL, values)

    @property
    def body(self) -> dict[str, Any]:
        return {
            "event_id": str(self.budget.event_id),
            "category": CATEGORY,
            "vendor": VENDOR,
            "description": "Roses",
            "amount": str(AMOUNT),
            "stage": "invoiced",
        }

    def record(self) -> None:
        self.client.call("POST", "/api/v1/expenses", self.body)

    def record_by_hand(self) -> None:
        self.plain.record(self.budget.event_id, category=CATEGORY, vendor=VENDOR, amount=AMOUNT)

    def list(self) -> None:
        self.client.get(LIST)

    def list_by_hand(self) -> None:
        self.plain.list_expenses(PAGE)

    def page(self, number: int) -> Callable[[], object]:
        """Return the asking for a page further down, by the cursor that leads there."""
        with tenant_scope(self.scene.tenant_id, user_id=self.scene.user.pk), transaction.atomic():
            rows = Expense.objects.newest_first().values_list("created_at", "pk")
            created_at, pk = rows[(number - 1) * PAGE - 1]
        said = json.dumps(["-created_at", created_at.isoformat(), str(pk), False])
        path = f"{LIST}&{urlencode({'cursor': base64.urlsafe_b64encode(said.encode()).decode()})}"
        return lambda: self.client.get(path)


def measure(run: Run) -> list[Row]:
    run.say("expenses …")
    small, large = (_Side(run, size) for size in (run.extent.large, run.extent.entries))
    _refresh_statistics()
    rows: list[Row] = []
    for name, of in (
        (f"list {PAGE} expenses", lambda side: (side.list, side.list_by_hand)),
        ("record an expense", lambda side: (side.record, side.record_by_hand)),
    ):
        turns = run.measure([repeating(work) for side in (small, large) for work in of(side)])
        rows += [
            compared_times(f"{name} (API), {side.size} expenses", ours, plain)
            for side, ours, plain in ((small, turns[0], turns[1]), (large, turns[2], turns[3]))
        ]
        rows.append(
            growth(
                f"{name}, {small.size} → {large.size} expenses",
                small=turns[0],
                large=turns[2],
                plain_small=turns[1],
                plain_large=turns[3],
                limit=FLAT,
            )
        )
    rows += _far_page(run, large)
    token = small.client.token
    counts = {
        "recording an expense": statements_of(
            lambda: request_in_process("POST", "/api/v1/expenses", token=token, body=lambda: small.body)
        ),
        "a list of expenses": statements_of(lambda: request_in_process("GET", LIST, token=token)),
    }
    rows += [
        statements(f"statements of {name}", len(counts[name]), Limit(at_most=most))
        for name, most in MOST_STATEMENTS.items()
    ]
    return [*rows, _proof(small.scene)]


def _far_page(run: Run, side: _Side) -> Iterator[Row]:
    number = min(FAR_PAGE, side.size // PAGE)
    first, far, plain = run.measure([repeating(work) for work in (side.list, side.page(number), side.list_by_hand)])
    yield growth(
        f"list of {PAGE} expenses, page 1 → {number}",
        small=first,
        large=far,
        plain_small=plain,
        plain_large=plain,
        limit=FLAT,
    )


def _proof(scene: Scene) -> Row:
    """Both sides have recorded on one budget: what one of them forgot would be a difference."""
    with tenant_scope(scene.tenant_id), transaction.atomic():
        first = next(iter(audit_ledger().discrepancies), None)
    return proof(f"ledger and expenses of “{scene.account.name}”", found=str(first or "all right"), kept=first is None)


def _refresh_statistics() -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "ANALYZE budgets_expense, budgets_expenseinvoice, budgets_vendor, budgets_eventbudget,"
            " budgets_budgetlineitem, budgets_category, events_event, accounts_membership"
        )
