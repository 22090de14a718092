"""An event with many registrations, made in a few statements, whose counters are as true as those made one by one."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, connections, transaction

from budgets.services.event_budget import create_event_budget
from budgetsite.accounts.models import User
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.benchmarks.scenery import TOTAL, Scene
from events.models import Event
from events.services import create_event
from registrations.models import EventOption, EventRegistration
from registrations.services.option import create_option

PRICE = Decimal("0.01")
PLACES = 5_000_000
# So many wait for approval at a time; when they are used up, as many more are made.
WAITING = 1_000

_FILL = """
    INSERT INTO registrations_eventregistration (id, tenant_id, created_at, event_id, user_id, event_option_id, status,
        party_size, requested_at, holds, quoted_cost, currency, amount_committed, amount_kept, notes, qr_token, reason)
    SELECT gen_random_uuid(), %(tenant)s, now() - n * interval '1 second', %(event)s, u, %(option)s, %(status)s, 1,
        now(), %(status)s::varchar = 'PENDING', %(price)s, %(currency)s, 0, 0, '', %(prefix)s::text || n, ''
    FROM unnest(%(users)s::uuid[]) WITH ORDINALITY crowd(u, n)
    RETURNING id
"""
_COUNT = """
    UPDATE registrations_eventoption SET committed_count = committed_count + %(approved)s,
        approved_count = approved_count + %(approved)s, held_count = held_count + %(pending)s,
        pending_places = pending_places + %(pending)s, pending_count = pending_count + %(pending)s
    WHERE tenant_id = %(tenant)s AND id = %(option)s
"""


class Crowd:
    """An event of `scene` for which `size` people are approved, for an option that costs nothing."""

    def __init__(self, scene: Scene, *, size: int) -> None:
        self.scene, self.size = scene, size
        now = datetime.now(UTC)
        mark = uuid4().hex[:12]
        self._users = [
            user.pk
            for user in User.objects.bulk_create(
                [User(email=f"{mark}-{number}@example.org", name=f"Guest {number}") for number in range(size)],
                batch_size=2_000,
            )
        ]
        with self._transaction():
            # Beside the crowd's event one with ever more options, where one person may ask again and again; and one
            # with the options that an event has, where everybody wants the same.
            self.event, self.asked, self.rushed = (
                create_event(
                    account=scene.account,
                    acting_user=scene.user,
                    name="Annual day",
                    event_date=now + timedelta(days=60),
                    registration_start_date=now - timedelta(days=1),
                    registration_end_date=now + timedelta(days=30),
                )
                for _ in range(3)
            )
            self.budget_id, *_others = (
                create_event_budget(event=event, acting_user=scene.user, total_budget_amount=TOTAL, line_items=[]).pk
                for event in (self.event, self.asked, self.rushed)
            )
            for name in ("Balcony", "Stalls", "Box"):
                self._option(name, cost_per_unit=PRICE, event=self.rushed)
            self.free = self._option("Badge", cost_per_unit=Decimal(0))
            self.codes = self._fill(self.free, "APPROVED", self._users)

    def options(self) -> Iterator[UUID]:
        """Yield options of `asked` that nobody has registered for, as many as are wanted."""
        while True:
            made = [
                EventOption(
                    tenant_id=self.scene.tenant_id,
                    event_id=self.asked.pk,
                    option_name="Mug",
                    total_available=PLACES,
                    cost_per_unit=PRICE,
                    currency=self.event.currency,
                )
                for _ in range(WAITING)
            ]
            with self._transaction():
                EventOption.objects.bulk_create(made)
            yield from (option.pk for option in made)

    def waiting(self) -> Iterator[UUID]:
        """Yield registrations that wait for approval, as many as are asked for."""
        while True:
            with self._transaction():
                option = self._option("Mug", cost_per_unit=PRICE)
                self._fill(option, "PENDING", self._users[:WAITING])
                waiting = EventRegistration.objects.filter(event_option=option)
                ids = list(waiting.values_list("pk", flat=True))
            yield from ids

    def moment_of_row(self, number: int) -> datetime:
        """Return when the row was made that stands so far down the list."""
        with self._transaction():
            rows = EventRegistration.objects.filter(event=self.event).order_by("-created_at")
            moment: datetime = rows.values_list("created_at", flat=True)[number]
            return moment

    def _option(self, name: str, *, cost_per_unit: Decimal, event: Event | None = None) -> EventOption:
        return create_option(
            event=event or self.event,
            acting_user=self.scene.user,
            option_name=name,
            total_available=PLACES,
            cost_per_unit=cost_per_unit,
        )

    def _fill(self, option: EventOption, status: str, users: list[UUID]) -> list[str]:
        prefix = secrets.token_urlsafe(16)
        values: dict[str, Any] = {
            "tenant": self.scene.tenant_id,
            "event": self.event.pk,
            "option": option.pk,
            "status": status,
            "price": option.cost_per_unit,
            "currency": self.event.currency,
            "prefix": prefix,
            "users": users,
            "approved": len(users) if status == "APPROVED" else 0,
            "pending": len(users) if status == "PENDING" else 0,
        }
        with connection.cursor() as cursor:
            cursor.execute(_FILL, values)
            cursor.execute(_COUNT, values)
        return [f"{prefix}{number}" for number in range(1, len(users) + 1)]

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        with tenant_scope(self.scene.tenant_id, user_id=self.scene.user.pk), transaction.atomic():
            yield


def refresh_statistics() -> None:
    """Tell PostgreSQL's planner about the crowds."""
    with connections["owner"].cursor() as cursor:
        cursor.execute(
            "ANALYZE registrations_eventregistration, registrations_eventoption, registrations_pickupslot,"
            " registrations_registrationdesk, events_event, budgets_eventbudget, accounts_user"
        )
