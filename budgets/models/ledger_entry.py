from decimal import Decimal
from typing import ClassVar

import pgtrigger
from django.conf import settings
from django.db import models
from django.utils import timezone

from budgets.models.event_budget import EventBudget
from budgets.models.line_item import BudgetLineItem
from budgets.models.scoped_budget import ScopedBudget
from budgetsite.money.amounts import MAX_AMOUNT
from budgetsite.money.model_fields import CurrencyField, UsageField
from budgetsite.tenancy.models import TenantForeignKey, TenantRow


class EntryKind(models.TextChoices):
    COMMIT = "commit", "Committed"
    RELEASE = "release", "Released"
    SETTLE = "settle", "Settled"
    ACTUAL = "actual", "Actual"
    REFUND = "refund", "Refund"
    ADJUST = "adjust", "Adjustment"
    # The one kind for lines of income; its `actual_delta` is money that came in, and no spend.
    INCOME = "income", "Income"


class EntrySource(models.TextChoices):
    REGISTRATION = "registration", "Registration"
    EXPENSE = "expense", "Expense"
    USAGE = "usage", "Usage"
    MANUAL = "manual", "By hand"
    IMPORT = "import", "Import"
    # Of usage that other systems report.
    API = "api", "API"
    RELAYCORE = "relaycore", "RelayCore"
    AUTERITY = "auterity", "Auterity"


class LedgerEntry(TenantRow):
    """One movement of money. Append-only: whatever was wrong is put right by a further entry.

    `seq`, `prev_hash` and `hash` are set by PostgreSQL (migration `ledger_chain`), one chain for each event budget and
    for each scoped budget. `description`, `metadata` and `actor` are no part of the hash, so that a person can be
    erased without breaking the chain. `created_at` is the clock's
    time under the budget's lock: a budget's later entries have later times.
    """

    # One of the two: an event's budget, or the scoped budget that usage was recorded on.
    budget = TenantForeignKey(EventBudget, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    scoped_budget = TenantForeignKey(ScopedBudget, on_delete=models.PROTECT, null=True, related_name="ledger_entries")
    line_item = TenantForeignKey(
        BudgetLineItem, on_delete=models.PROTECT, null=True, blank=True, related_name="ledger_entries"
    )
    seq = models.BigIntegerField(editable=False)
    kind = models.CharField(max_length=10, choices=EntryKind.choices)
    # An event's entries have the decimals of their currency, usage up to six.
    committed_delta = UsageField(default=Decimal(0))
    actual_delta = UsageField(default=Decimal(0))
    currency = CurrencyField()
    occurred_at = models.DateTimeField(default=timezone.now)
    source = models.CharField(max_length=20, choices=EntrySource.choices)
    source_id = models.CharField(max_length=64, blank=True)
    idempotency_key = models.CharField(max_length=200, null=True, blank=True)  # noqa: DJ001  (NULLs never collide)
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", db_index=False
    )
    description = models.CharField(max_length=500, blank=True)
    # What is known about usage beside its amount: the model, the customer, the request.
    metadata = models.JSONField(null=True, blank=True)
    # The key of the machine that reported it, by its name.
    machine = models.CharField(max_length=200, blank=True, db_default="")
    prev_hash = models.BinaryField(editable=False)
    hash = models.BinaryField(editable=False)

    class Meta(TenantRow.Meta):
        verbose_name_plural = "ledger entries"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            # Also serves reading a budget's ledger in order.
            models.UniqueConstraint(fields=["tenant", "budget", "seq"], name="budgets_ledgerentry_one_per_seq"),
            models.UniqueConstraint(
                fields=["tenant", "budget", "idempotency_key"],
                condition=models.Q(idempotency_key__isnull=False),
                name="budgets_ledgerentry_one_per_key",
            ),
            # Also serves reading the chain of a scoped budget.
            models.UniqueConstraint(
                fields=["tenant", "scoped_budget", "seq"],
                condition=models.Q(scoped_budget__isnull=False),
                name="budgets_usage_one_per_seq",
            ),
            models.UniqueConstraint(
                fields=["tenant", "scoped_budget", "idempotency_key"],
                condition=models.Q(scoped_budget__isnull=False, idempotency_key__isnull=False),
                name="budgets_usage_one_per_key",
            ),
            models.CheckConstraint(
                condition=models.Q(budget__isnull=False, scoped_budget__isnull=True)
                | models.Q(budget__isnull=True, scoped_budget__isnull=False, line_item__isnull=True),
                name="budgets_ledgerentry_of_one_budget",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=EntryKind.values), name="budgets_ledgerentry_kind_known"
            ),
            models.CheckConstraint(
                condition=models.Q(source__in=EntrySource.values), name="budgets_ledgerentry_source_known"
            ),
            # Whatever is not below a bound is too large, or not a number.
            models.CheckConstraint(
                condition=models.Q(
                    committed_delta__gte=-MAX_AMOUNT,
                    committed_delta__lte=MAX_AMOUNT,
                    actual_delta__gte=-MAX_AMOUNT,
                    actual_delta__lte=MAX_AMOUNT,
                )
                # Usage that cost nothing is usage all the same.
                & (models.Q(scoped_budget__isnull=False) | ~models.Q(committed_delta=0, actual_delta=0)),
                name="budgets_ledgerentry_moves_money",
            ),
            models.CheckConstraint(
                condition=~models.Q(kind=EntryKind.INCOME) | models.Q(committed_delta=0, line_item__isnull=False),
                name="budgets_ledgerentry_income_on_a_line",
            ),
        ]
        indexes: ClassVar[list[models.Index]] = [
            # A line's entries: proof and rebuilding of its totals.
            models.Index(
                fields=["tenant", "line_item"],
                condition=models.Q(line_item__isnull=False),
                name="budgets_entry_of_line",
            ),
            # A scoped budget's usage by the time that it is about, the last first.
            models.Index(
                "tenant",
                "scoped_budget",
                models.F("occurred_at").desc(),
                models.F("id").desc(),
                condition=models.Q(scoped_budget__isnull=False),
                name="budgets_usage_by_time",
            ),
            # The entries behind a figure of all budgets, the last one first.
            models.Index("tenant", models.F("occurred_at").desc(), models.F("id").desc(), name="budgets_entry_by_time"),
        ]
        triggers: ClassVar[list[pgtrigger.Trigger]] = [
            pgtrigger.Trigger(
                name="chain",
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                func=pgtrigger.Func(  # type: ignore[no-untyped-call]
                    """
                    IF NEW.scoped_budget_id IS NOT NULL THEN
                        SELECT s.ledger_seq + 1, s.ledger_hash INTO NEW.seq, NEW.prev_hash
                            FROM budgets_scopedbudget s
                            WHERE s.tenant_id = NEW.tenant_id AND s.id = NEW.scoped_budget_id
                                AND s.currency = NEW.currency AND s.deleted_at IS NULL
                            FOR NO KEY UPDATE;
                        IF NOT FOUND THEN
                            RAISE EXCEPTION 'no scoped budget in this currency to record usage on'
                                USING ERRCODE = 'check_violation';
                        END IF;
                        NEW.created_at = clock_timestamp();
                        NEW.hash = budgets_usage_hash(NEW.prev_hash, NEW.tenant_id, NEW.id, NEW.scoped_budget_id,
                            NEW.seq, NEW.kind, NEW.committed_delta, NEW.actual_delta, NEW.currency, NEW.source,
                            NEW.source_id, NEW.occurred_at);
                        UPDATE budgets_scopedbudget SET ledger_seq = NEW.seq, ledger_hash = NEW.hash
                            WHERE tenant_id = NEW.tenant_id AND id = NEW.scoped_budget_id;
                        RETURN NEW;
                    END IF;
                    SELECT b.ledger_seq + 1, b.ledger_hash INTO NEW.seq, NEW.prev_hash
                        FROM budgets_eventbudget b
                        WHERE b.tenant_id = NEW.tenant_id AND b.id = NEW.budget_id AND b.currency = NEW.currency
                            AND b.status NOT IN ('finalized', 'archived')
                        FOR NO KEY UPDATE;
                    IF NOT FOUND THEN
                        RAISE EXCEPTION 'no open budget in this currency to post to' USING ERRCODE = 'check_violation';
                    END IF;
                    IF NEW.line_item_id IS NOT NULL AND NOT EXISTS (
                        SELECT FROM budgets_budgetlineitem l
                        WHERE l.tenant_id = NEW.tenant_id AND l.id = NEW.line_item_id AND l.budget_id = NEW.budget_id
                            AND l.deleted_at IS NULL AND (l.kind = 'income') = (NEW.kind = 'income')
                    ) THEN
                        RAISE EXCEPTION 'no such line in this budget' USING ERRCODE = 'check_violation';
                    END IF;
                    NEW.created_at = clock_timestamp();
                    NEW.hash = budgets_ledger_hash(NEW.prev_hash, NEW.tenant_id, NEW.id, NEW.budget_id,
                        NEW.line_item_id, NEW.seq, NEW.kind, NEW.committed_delta, NEW.actual_delta, NEW.currency,
                        NEW.source, NEW.source_id, NEW.occurred_at);
                    UPDATE budgets_eventbudget SET ledger_seq = NEW.seq, ledger_hash = NEW.hash
                        WHERE tenant_id = NEW.tenant_id AND id = NEW.budget_id;
                    RETURN NEW;
                    """
                ),
            ),
            pgtrigger.Trigger(
                name="append_only",
                operation=pgtrigger.Update | pgtrigger.Delete,
                when=pgtrigger.Before,
                func="RAISE EXCEPTION 'ledger entries are never changed; post a correcting entry'"
                " USING ERRCODE = 'check_violation';",
            ),
            pgtrigger.Trigger(
                name="no_truncate",
                operation=pgtrigger.Truncate,
                when=pgtrigger.Before,
                level=pgtrigger.Statement,
                func="RAISE EXCEPTION 'ledger entries are never removed' USING ERRCODE = 'check_violation';",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq}"
