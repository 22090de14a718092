"""Every endpoint of the schema × every role × one's own and a stranger's account."""

import re
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from io import BytesIO
from typing import Any
from uuid import UUID

import pytest
from django.db import transaction
from django.test import Client
from django.urls import resolve
from drf_spectacular.generators import SchemaGenerator

from alerts.models import AlertRule, BudgetAlert
from budgets.models import BudgetTemplate, BudgetTransfer, Category, TransferStatus
from budgets.services.approval_rules import create_approval_rule
from budgets.services.comment import add_comment
from budgets.services.driver import create_driver
from budgets.services.exchange_rate_table import create_rate
from budgets.services.payment import add_payment
from budgets.services.receipt import add_receipt
from budgets.services.reservation import reserve
from budgetsite.accounts.api_keys import create_api_key
from budgetsite.accounts.models import Account, User
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import BACK_OFFICE, Role
from budgetsite.api.permissions import ANY_MEMBER, RolePermission
from budgetsite.notifications.models import Notification
from budgetsite.notifications.services.telling import Message, tell
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line
from budgetsite.testing.expenses import NOW, make_expense
from budgetsite.testing.papers import png
from budgetsite.testing.people import make_member
from budgetsite.testing.rest import RestClient, rest_client
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend
from budgetsite.webhooks.services.delivery import send_test
from budgetsite.webhooks.services.endpoint import create_endpoint
from events.models import Venue
from registrations.models import EventOption, EventRegistration, PickupSlot, WaitlistEntry

NOWHERE = UUID(int=0)


@dataclass(frozen=True, slots=True)
class Endpoint:
    method: str
    path: str
    action: str

    def address(self, ids: dict[str, Any]) -> str:
        """Return the path with ids; `id` stands for what the path is about."""
        about = self.path.split("/")[3]
        # The plan that a new budget has.
        path = self.path.replace("{number}", "1")
        return re.sub(r"\{(\w+)\}", lambda match: str(ids.get(match[1]) or ids[about]), path)

    @property
    def names_a_row(self) -> bool:
        # A scope's id is text of everybody's own: two accounts may have a team "kitchen".
        return "{" in self.path and "{scope_id}" not in self.path


@cache
def endpoints() -> list[Endpoint]:
    found = []
    schema = SchemaGenerator().get_schema(request=None, public=True)
    for path, operations in schema["paths"].items():
        view: Any = resolve(re.sub(r"\{\w+\}", str(NOWHERE), path.replace("{number}", "1"))).func
        if RolePermission not in view.cls.permission_classes:
            continue
        for method in operations:
            name = view.actions[method] if getattr(view, "actions", None) else method
            found.append(Endpoint(method, path, view.cls.actions[name]))
    assert len(found) > 45
    return found


@pytest.fixture
def walk() -> list[Endpoint]:
    return endpoints()


def notification_of(user: User) -> UUID:
    """Tell somebody something, and return its id: everybody has their own."""
    told = Message(
        notification_type="budget_alerts", level="warning", title="Told", path="/events", dedup_key="every endpoint"
    )
    tell([(user.pk, told)], now=NOW)
    return Notification.objects.get(person=user).pk


def rows_of(account: Account) -> dict[str, Any]:
    """Make one of everything in an account, and return its id by the name that paths give it."""
    with tenant_scope(account.pk):
        owner = make_member(account, Role.OWNER).user
        venue = Venue.objects.create(name="Town hall")
        budget = make_budget(account, owner, total="100", event=make_event(account, owner, venue=venue))
        line = make_line(budget, owner, budgeted_amount="100", actual_amount="150")
        transfer = BudgetTransfer.objects.create(
            budget=budget,
            revision=1,
            from_line=line,
            to_line=make_line(budget, owner, name="Extra", budgeted_amount="0"),
            amount=1,
            currency=budget.currency,
            reason="Moved",
            status=TransferStatus.PENDING,
            needs_role=Role.MANAGER,
            requested_by=owner,
        )
        rule = AlertRule.objects.create(
            budget=budget, alert_types=[], warning_threshold=80, exceeded_thresholds=[], high_variance_percentage=20
        )
        option = EventOption.objects.create(
            event_id=budget.event_id, option_name="Mug", total_available=5, currency=budget.currency
        )
        registration = EventRegistration.objects.create(
            event_id=budget.event_id,
            user=owner,
            event_option=option,
            currency=budget.currency,
            qr_token=NOWHERE.hex,
            requested_at=budget.created_at,
        )
        expense = make_expense(budget, owner, line_item=line, vendor=f"Florist of {account.slug}", stage="invoiced")
        acting: dict[str, Any] = {"acting_user": owner, "acting_role": Role.OWNER, "now": NOW}
        scoped = make_scoped_budget(account, owner, scope_type="team", scope_id=f"Kitchen of {account.slug}")
        held = reserve(budget_id=scoped.pk, amount=Decimal(1), ttl_seconds=60, acting_user=owner, now=scoped.created_at)
        webhook = create_endpoint(acting_user=owner, url="https://example.org/hooks").endpoint
        return {
            "event_id": budget.event_id,
            "budget_id": budget.pk,
            "line_item_id": line.pk,
            "driver_id": create_driver(budget_id=budget.pk, acting_user=owner, name="Guests").pk,
            "transfer_id": transfer.pk,
            "option_id": option.pk,
            "registration_id": registration.pk,
            "slot_id": PickupSlot.objects.filter(event_id=budget.event_id)[0].pk,
            "entry_id": WaitlistEntry.objects.create(event_id=budget.event_id, user=owner, event_option=option).pk,
            "venue_id": venue.pk,
            "scoped_budget_id": scoped.pk,
            "scope_type": scoped.scope_type,
            "scope_id": scoped.scope_id,
            "usage_id": spend(scoped, owner, 1).entry.pk,
            "reservation_id": held.pk,
            "api_key_id": create_api_key(
                name=account.slug, actions=["scoped_budgets.view"], acting_user=owner, now=NOW
            ).key.pk,
            "template_id": BudgetTemplate.objects.get(name="Event").pk,
            "category_id": Category.objects.get(name="Venue").pk,
            "budget-alerts": BudgetAlert.objects.filter(budget=budget)[0].pk,
            "alert-rules": rule.pk,
            "expense_id": expense.pk,
            "payment_id": add_payment(expense_id=expense.pk, amount=Decimal(100), **acting).pk,
            "receipt_id": add_receipt(expense_id=expense.pk, file=BytesIO(png()), name="Bill", **acting).pk,
            "vendor_id": expense.vendor_id,
            "comment_id": add_comment(budget=budget, expense=expense, acting_user=owner, text="Paid in part").pk,
            "exchange_rate_id": create_rate(
                acting_user=owner, base_currency="EUR", quote_currency="CAD", on_date=NOW.date(), rate=Decimal("1.6")
            ).pk,
            "notification_id": notification_of(owner),
            "webhook_id": webhook.pk,
            "delivery_id": send_test(endpoint_id=webhook.pk, acting_user=owner, now=NOW).pk,
            "rule_id": create_approval_rule(acting_user=owner, role="owner", currency="CAD").pk,
        }


def call(client: RestClient, endpoint: Endpoint, ids: dict[str, Any]) -> int:
    """Call and take back whatever it did."""
    with transaction.atomic():
        answer = client.raw(endpoint.method.upper(), endpoint.address(ids), b"{}")
        transaction.set_rollback(True)
    return answer.status


def test_a_stranger_is_asked_to_sign_in_everywhere(walk, account):
    ids = rows_of(account)
    client = RestClient(Client())
    assert {endpoint: call(client, endpoint, ids) for endpoint in walk} == dict.fromkeys(walk, 401)


@pytest.mark.parametrize("role", Role)
def test_a_role_may_what_the_table_says_and_nothing_else(walk, account, role):
    ids = rows_of(account)
    client = rest_client(account, role)
    ids["notification_id"] = notification_of(client.user)
    for endpoint in walk:
        status = call(client, endpoint, ids)
        allowed = endpoint.action == ANY_MEMBER or may(role, endpoint.action)
        if not allowed:
            assert status == 403, endpoint
            continue
        assert status < 500, endpoint
        # (An upload takes no JSON: 415 comes after the question of who may.)
        assert status not in (401, 403, 405), endpoint
        if role in BACK_OFFICE:
            assert status != 404, endpoint


@pytest.mark.parametrize("role", Role)
def test_a_strangers_rows_are_not_there_for_anybody(walk, account, other_account, role):
    rival_ids = rows_of(other_account)
    client = rest_client(account, role)
    for endpoint in walk:
        if not endpoint.names_a_row:
            continue
        allowed = endpoint.action == ANY_MEMBER or may(role, endpoint.action)
        assert call(client, endpoint, rival_ids) == (404 if allowed else 403), endpoint


@pytest.mark.parametrize("role", Role)
def test_no_list_shows_a_strangers_rows(walk, account, other_account, role):
    rival_ids = rows_of(other_account)
    rival = {str(pk) for pk in rival_ids.values() if isinstance(pk, UUID)}
    client = rest_client(account, role)
    seen = 0
    for endpoint in walk:
        if endpoint.method == "get" and not endpoint.names_a_row:
            text = client.client.get(endpoint.address(rival_ids)).content.decode()
            assert not [pk for pk in rival if pk in text], endpoint
            seen += 1
    assert seen >= 7
