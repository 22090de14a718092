"""The rows that are measured: an account of its own for each run, made by the site's services."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID, uuid4

from django.db import connection, connections, transaction

from budgets.models import BudgetLineItem, EventBudget
from budgets.services.event_budget import create_event_budget
from budgets.services.ledger_proof import rebuild_totals
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import all_accounts
from budgetsite.accounts.services import add_member, create_account
from budgetsite.tenancy.scope import tenant_scope
from events.models import Event
from events.services import create_event

PREFIX = "bench-"
CURRENCY = "CAD"
# Far above what all rounds together spend: no measurement is of the threshold that it happens to cross.
TOTAL = Decimal(500_000_000)
_ENTRIES_AT_ONCE = 500
_EVENT_DATE = datetime(2026, 7, 15, 14, 0, tzinfo=UTC)


class OtherAccounts(RuntimeError):
    """The database is somebody's: the benchmarks' rows would stay in it for ever."""

    def __init__(self, count: int) -> None:
        self.count = count
        accounts = "another account" if count == 1 else f"{count} other accounts"
        super().__init__(
            f"This database holds {accounts}, and what a benchmark writes can't be deleted again. Run `make bench`, "
            "which uses a database of its own, or say --force-database."
        )


@dataclass(frozen=True, slots=True)
class Scene:
    """An account and the manager who works in it."""

    account: Account
    user: User
    password: str

    @property
    def tenant_id(self) -> UUID:
        return self.account.pk


def refuse_other_accounts() -> None:
    """Raises `OtherAccounts` when there are any that no benchmark made."""
    others = [account for account in all_accounts() if not account.slug.startswith(PREFIX)]
    if others:
        raise OtherAccounts(len(others))


def open_scene(name: str) -> Scene:
    """Make an account `bench-<name>-…` with a manager in it."""
    slug = f"{PREFIX}{name}-{uuid4().hex[:8]}"
    password = uuid4().hex
    account = create_account(name=f"Bench {name}", slug=slug, currency=CURRENCY, timezone="America/Toronto")
    membership = add_member(
        account=account, email=f"{slug}@example.org", role=Role.MANAGER, password=password, name="The manager"
    )
    return Scene(account=account, user=membership.user, password=password)


def add_budget(scene: Scene, *, lines: int) -> EventBudget:
    """Make an event with a budget of so many lines, over several categories, a hundred planned on each."""
    categories = ("Venue", "Labor", "Food & Beverage", "Entertainment")
    with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic():
        event = create_event(
            account=scene.account,
            acting_user=scene.user,
            name="Summer gala",
            event_date=_EVENT_DATE,
            registration_start_date=_EVENT_DATE - timedelta(days=30),
            registration_end_date=_EVENT_DATE - timedelta(days=1),
        )
        return create_event_budget(
            event=event,
            acting_user=scene.user,
            total_budget_amount=TOTAL,
            line_items=[
                {
                    "category": categories[number % len(categories)],
                    "name": f"Line {number}",
                    "budgeted_amount": Decimal(100),
                }
                for number in range(1, lines + 1)
            ],
        )


def line_ids(scene: Scene, budget_id: UUID) -> list[UUID]:
    """Return the ids of a budget's lines in their order."""
    with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic():
        lines = BudgetLineItem.objects.filter(budget_id=budget_id).order_by("sort_order", "id")
        return list(lines.values_list("pk", flat=True))


def add_entries(scene: Scene, budget_id: UUID, lines: list[UUID], count: int, *, days: int = 1) -> None:
    """Post so many cents to a budget's lines in turn, through the chain's trigger, and set the totals that follow.

    The entries are of the last so many days, in turn.
    """
    with tenant_scope(scene.tenant_id, user_id=scene.user.pk):
        for start in range(0, count, _ENTRIES_AT_ONCE):
            # A transaction for each: the budget's row is written with every entry, and its old versions pile up.
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(
                    """
                    INSERT INTO budgets_ledgerentry (id, tenant_id, budget_id, line_item_id, kind, committed_delta,
                        actual_delta, currency, occurred_at, source, source_id, actor_id, description)
                    SELECT gen_random_uuid(), %(tenant)s, %(budget)s,
                        (%(lines)s::uuid[])[1 + n %% cardinality(%(lines)s::uuid[])], 'actual', 0, 0.01, %(currency)s,
                        now() - (n %% %(days)s) * interval '1 day', 'manual', '', %(user)s, ''
                    FROM generate_series(1, %(count)s) n
                    """,
                    {
                        "tenant": scene.tenant_id,
                        "budget": budget_id,
                        "lines": lines,
                        "currency": CURRENCY,
                        "user": scene.user.pk,
                        "count": min(_ENTRIES_AT_ONCE, count - start),
                        "days": days,
                    },
                )
        rebuild_totals()


def add_many_budgets(scene: Scene, count: int) -> None:
    """Make so many events with a budget without lines each, in three statements instead of thousands."""
    with tenant_scope(scene.tenant_id, user_id=scene.user.pk), transaction.atomic():
        events = Event.objects.bulk_create(
            Event(
                name=f"Event {number}",
                event_date=_EVENT_DATE + timedelta(days=number),
                registration_start_date=_EVENT_DATE - timedelta(days=30),
                registration_end_date=_EVENT_DATE - timedelta(days=1),
                timezone=scene.account.timezone,
                currency=CURRENCY,
                organizer=scene.user,
                created_by=scene.user,
            )
            for number in range(1, count + 1)
        )
        EventBudget.objects.bulk_create(
            EventBudget(
                event=event,
                currency=CURRENCY,
                total_budget_amount=TOTAL,
                variance_amount=TOTAL,
                variance_percentage=Decimal(100),
            )
            for event in events
        )


def refresh_statistics() -> None:
    """Tell PostgreSQL's planner about the new rows, as its autovacuum does in time."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "ANALYZE accounts_membership, events_event, budgets_category, budgets_eventbudget, budgets_budgetlineitem,"
            " alerts_budgetalert, alerts_alertrule, budgets_budgetrevision, budgets_planline, budgets_ledgerentry,"
            " budgets_historicalbudgetlineitem, budgets_historicaleventbudget"
        )
