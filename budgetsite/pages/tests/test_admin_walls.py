"""The back office's walls: who enters, and that no address shows or changes another account's rows."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import BytesIO
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from alerts.models import AlertRule, BudgetAlert, EscalationPolicy
from alerts.services.escalation_policy import change_escalation_policy
from alerts.services.rules import create_alert_rule
from budgets.models import (
    ApprovalRule,
    BudgetComment,
    BudgetDecision,
    BudgetRevision,
    BudgetTemplate,
    BudgetTransfer,
    BudgetWindow,
    Category,
    EventBudget,
    ExchangeRate,
    Expense,
    ExpensePayment,
    ExpensePolicy,
    LedgerEntry,
    Receipt,
    Reservation,
    ScopedBudget,
    Vendor,
)
from budgets.services.approval_rules import create_approval_rule
from budgets.services.comment import add_comment
from budgets.services.exchange_rate_table import create_rate
from budgets.services.expense_policy import change_expense_policy
from budgets.services.payment import add_payment
from budgets.services.receipt import add_receipt
from budgets.services.reservation import reserve
from budgetsite.accounts.api_keys import create_api_key
from budgetsite.accounts.models import Account, ApiKey, Membership, Team, User
from budgetsite.accounts.roles import BACK_OFFICE, Role
from budgetsite.accounts.services import create_team
from budgetsite.notifications.models import Mail
from budgetsite.privacy.models import PersonalDataAccess, RetentionRule
from budgetsite.privacy.services.retention import create_retention_rule
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.tenancy.scope import tenant_scope
from budgetsite.testing.budgets import make_budget, make_event, make_line, move
from budgetsite.testing.expenses import make_expense
from budgetsite.testing.papers import png
from budgetsite.testing.people import make_member, sign_in
from budgetsite.testing.registrations import NOW, ask, make_open_event, make_option
from budgetsite.testing.scoped_budgets import make_scoped_budget, spend
from budgetsite.webhooks.models import WebhookDelivery, WebhookEndpoint
from budgetsite.webhooks.services.delivery import send_test
from budgetsite.webhooks.services.endpoint import create_endpoint
from events.models import Event, Venue
from registrations.models import CheckIn, EventOption, EventRegistration, PickupSlot, RegistrationDesk, WaitlistEntry
from registrations.services.check_in import check_in

SECRET = "Aurelia's hidden banquet"


def fill(account: Account, user: User) -> dict[type, Any]:
    """Give an account one row of everything that the admin shows, each with a name to recognise it by."""
    with tenant_scope(account.pk, user_id=user.pk):
        venue = Venue.objects.create(name=SECRET)
        event = make_event(account, user, name=SECRET, venue=venue)
        budget = make_budget(account, user, event=event, total="1000")
        line = make_line(budget, user, name=SECRET, actual_amount=Decimal("1500"))
        url = "https://example.org/hooks"
        webhook = create_endpoint(acting_user=user, url=url, description=SECRET).endpoint
        transfer = BudgetTransfer.objects.create(
            budget=budget,
            revision=1,
            from_line=line,
            to_line=make_line(budget, user, name=SECRET, budgeted_amount="0"),
            amount=1,
            currency=budget.currency,
            reason=SECRET,
            status="pending",
            needs_role="manager",
        )
        budget = move(budget, "submit", user=user, role=Role.OWNER, account=account)
        door = make_open_event(account, user, name=SECRET)
        option = make_option(door, user, option_name=SECRET)
        registration = ask(door, user, option)
        check_in(event=door, qr_token=registration.qr_token, acting_user=user, now=NOW)
        queued = WaitlistEntry.objects.create(event=door, user=user, event_option=option, notes=SECRET)
        spent: dict[str, Any] = {"role": Role.OWNER, "line_item": line, "vendor": SECRET, "description": SECRET}
        expense = make_expense(budget, user, stage="invoiced", **spent)
        acting: dict[str, Any] = {"acting_user": user, "acting_role": Role.OWNER, "now": NOW}
        category = Category.objects.create(name=SECRET)
        team = create_team(name=SECRET, acting_user=user)
        company_budget = make_scoped_budget(account, user, name=SECRET, scope_id=SECRET, tags=[SECRET])
        spend(company_budget, user, 7, description=SECRET, metadata={"for": SECRET})
        held = {"amount": Decimal(5), "ttl_seconds": 60, "acting_user": user, "now": NOW, "description": SECRET}
        return {
            Account: account,
            AlertRule: create_alert_rule(budget=budget, acting_user=user, warning_threshold=Decimal("81.23")),
            ApiKey: create_api_key(
                name=SECRET, actions=["scoped_budgets.view"], acting_user=user, now=timezone.now()
            ).key,
            ApprovalRule: create_approval_rule(acting_user=user, role="owner", currency="CAD", category=category),
            BudgetAlert: BudgetAlert.objects.first(),
            BudgetComment: add_comment(budget=budget, expense=expense, acting_user=user, text=SECRET),
            BudgetDecision: BudgetDecision.objects.first(),
            BudgetRevision: BudgetRevision.objects.create(
                budget=budget,
                number=2,
                version=9,
                currency=budget.currency,
                total_budget_amount=1000,
                total_follows_lines=False,
                reason=SECRET,
                approved_at=event.event_date,
            ),
            BudgetTemplate: BudgetTemplate.objects.get(name="Event"),
            BudgetTransfer: transfer,
            BudgetWindow: BudgetWindow.objects.get(budget=company_budget),
            Category: category,
            CheckIn: CheckIn.objects.get(registration=registration),
            EscalationPolicy: change_escalation_policy(acting_user=user, days_before=[11]),
            Event: event,
            EventBudget: budget,
            EventOption: option,
            EventRegistration: registration,
            ExchangeRate: create_rate(
                acting_user=user,
                base_currency="GBP",
                quote_currency="EUR",
                on_date=NOW.date(),
                rate=Decimal("1.2"),
                source=SECRET,
            ),
            Expense: expense,
            ExpensePayment: add_payment(expense_id=expense.pk, amount=Decimal(1), reference=SECRET, **acting),
            ExpensePolicy: change_expense_policy(acting_user=user, receipt_hosts=["hidden-banquet.example.org"]),
            LedgerEntry: LedgerEntry.objects.first(),
            Mail: Mail.objects.create(person=user, rhythm="daily", due_at=NOW),
            Membership: Membership.objects.get(user=user),
            PersonalDataAccess: PersonalDataAccess.objects.create(
                action="viewed", kind="members", list_id=account.pk, people=7, place=SECRET
            ),
            PickupSlot: PickupSlot.objects.filter(event=door).first(),
            Receipt: add_receipt(expense_id=expense.pk, file=BytesIO(png()), name=SECRET, **acting),
            RegistrationDesk: RegistrationDesk.objects.get(event=door),
            Reservation: reserve(budget_id=company_budget.pk, **held),
            RetentionRule: create_retention_rule(kind="access_log", months=12, acting_user=user),
            ScopedBudget: company_budget,
            Team: team,
            Vendor: expense.vendor,
            Venue: venue,
            WaitlistEntry: queued,
            WebhookDelivery: send_test(endpoint_id=webhook.pk, acting_user=user, now=NOW),
            WebhookEndpoint: webhook,
        }


@pytest.fixture
def foreign_rows(other_account: Account) -> dict[type, Any]:
    return fill(other_account, make_member(other_account, Role.OWNER, name=SECRET).user)


@pytest.fixture
def client(account: Account, owner: User) -> Client:
    return sign_in(owner, account)


def addresses(model_admin: Any, pk: Any) -> list[str]:
    """Every address of a registered admin that names an object, its actions included."""
    found = []
    found += [
        reverse(f"admin:{pattern.name}", args=[pk])
        for pattern in model_admin.get_urls()
        if pattern.name and "object_id" in str(pattern.pattern)
    ]
    return found


def stored(rows: dict[type, Any], account: Account) -> list[dict[str, Any]]:
    with tenant_scope(account.pk):
        return [
            model._base_manager.filter(pk=row.pk).values().get() for model, row in rows.items() if model is not Account
        ]


def test_every_registered_model_belongs_to_a_tenant_or_is_the_account():
    assert {model.__name__ for model in admin.site._registry} == {
        "Account",
        "AlertRule",
        "ApiKey",
        "ApprovalRule",
        "BudgetAlert",
        "BudgetComment",
        "BudgetDecision",
        "BudgetRevision",
        "BudgetTemplate",
        "BudgetTransfer",
        "BudgetWindow",
        "Category",
        "CheckIn",
        "EscalationPolicy",
        "Event",
        "EventBudget",
        "EventOption",
        "EventRegistration",
        "ExchangeRate",
        "Expense",
        "ExpensePayment",
        "ExpensePolicy",
        "LedgerEntry",
        "Mail",
        "Membership",
        "PersonalDataAccess",
        "PickupSlot",
        "Receipt",
        "RegistrationDesk",
        "Reservation",
        "RetentionRule",
        "ScopedBudget",
        "Team",
        "Vendor",
        "Venue",
        "WaitlistEntry",
        "WebhookDelivery",
        "WebhookEndpoint",
    }
    assert apps.get_model("accounts", "User") not in admin.site._registry


@pytest.mark.parametrize("role", list(Role))
def test_only_the_back_office_enters(account: Account, member_client, role: Role):
    response = member_client(role).get(reverse("admin:index"))

    assert response.status_code == (200 if role in BACK_OFFICE else 403)


@pytest.mark.parametrize("role", [Role.ORGANIZER, Role.CLIENT, Role.ATTENDEE])
def test_other_roles_are_turned_away_from_every_page(account: Account, owner: User, member_client, role: Role):
    rows = fill(account, owner)
    client = member_client(role)

    for model, model_admin in admin.site._registry.items():
        for address in [_list(model), *addresses(model_admin, rows[model].pk)]:
            assert client.get(address).status_code == 403, address
            assert client.post(address).status_code == 403, address


def test_a_stranger_is_sent_to_the_sign_in(account: Account):
    response = Client().get(reverse("admin:budgets_eventbudget_changelist"))

    assert response.status_code == 302
    assert response.url == f"{reverse('sign-in')}?next=/admin/budgets/eventbudget/"


def test_a_superuser_chooses_an_account_first(account: Account):
    user = User.objects.create_superuser("root@example.org", "correct horse battery")
    client = Client()
    client.force_login(user, backend="django.contrib.auth.backends.ModelBackend")

    response = client.get(reverse("admin:index"))

    assert response.status_code == 302
    assert response.url == f"{reverse('choose-account')}?next=/admin/"


def test_pages_of_own_rows_open(account: Account, owner: User, client: Client):
    rows = fill(account, owner)

    for model, model_admin in admin.site._registry.items():
        assert client.get(_list(model)).status_code in {200, 302}, model
        for address in addresses(model_admin, rows[model].pk):
            response = client.get(address)
            assert response.status_code in {200, 302, 403, 404}, address
        change = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_change", args=[rows[model].pk])
        assert client.get(change).status_code == 200, change


def test_no_list_shows_another_accounts_rows(foreign_rows: dict[type, Any], client: Client):
    for model in admin.site._registry:
        for query in ("", "?deleted=yes", "?q=hidden", f"?budget={foreign_rows[EventBudget].pk}"):
            response = client.get(_list(model) + query, follow=True)
            assert b"hidden banquet" not in response.content, (model, query)
            for row in foreign_rows.values():
                if f"budget={row.pk}" != query.strip("?"):
                    assert str(row.pk).encode() not in response.content, (model, query)


def test_no_address_opens_or_changes_another_accounts_row(
    foreign_rows: dict[type, Any], other_account: Account, client: Client
):
    before = stored(foreign_rows, other_account)

    for model, model_admin in admin.site._registry.items():
        for address in addresses(model_admin, foreign_rows[model].pk):
            for send in (client.get, client.post):
                response = send(address, {"version": "2", "post": "yes", "reason": "x"})
                assert response.status_code in {302, 403, 404}, address
                assert b"hidden banquet" not in response.content, address
                if response.status_code == 302:
                    # "There is no such …": to the start page, whoever owns it.
                    assert response.url in {"/admin/", address + "change/"}, address

    assert stored(foreign_rows, other_account) == before


def test_deleted_rows_of_another_account_stay_out_of_reach(
    foreign_rows: dict[type, Any], other_account: Account, client: Client
):
    event = foreign_rows[Event]
    with tenant_scope(other_account.pk):
        soft_delete(event, now=datetime.now(UTC))

    response = client.get(reverse("admin:events_event_changelist") + "?deleted=yes")
    restored = client.post(reverse("admin:events_event_restore_row", args=[event.pk]))

    assert response.status_code == 200
    assert b"hidden banquet" not in response.content
    assert restored.status_code == 302
    with tenant_scope(other_account.pk):
        assert not Event.objects.filter(pk=event.pk).exists()


def test_fields_offer_people_and_rows_of_the_account_alone(
    foreign_rows: dict[type, Any], account: Account, client: Client
):
    guest = make_member(account, Role.CLIENT, name="Nadia Guest").user

    clients = client.get(reverse("admin:events_event_clients"), {"term": "a"}).json()
    organizers = client.get(reverse("admin:events_event_organizers"), {"term": "hidden"}).json()
    venues = client.get(
        reverse("admin:autocomplete"),
        {"app_label": "events", "model_name": "event", "field_name": "venue", "term": "hidden"},
    ).json()

    assert [person["id"] for person in clients["results"]] == [str(guest.pk)]
    assert organizers["results"] == []
    assert venues["results"] == []


def test_a_foreign_person_or_venue_cannot_be_chosen(
    foreign_rows: dict[type, Any], account: Account, owner: User, client: Client
):
    with tenant_scope(account.pk, user_id=owner.pk):
        event = make_event(account, owner)
    stranger = foreign_rows[Membership].user_id

    response = client.post(
        reverse("admin:events_event_change", args=[event.pk]),
        {**_event_post(event), "organizer": str(stranger), "venue": str(foreign_rows[Venue].pk)},
    )

    assert response.status_code == 200
    assert response.context["adminform"].form.errors.keys() == {"organizer", "venue"}
    event.refresh_from_db()
    assert (event.organizer_id, event.venue_id) == (owner.pk, None)


def test_nothing_is_written_to_djangos_own_log(account: Account, owner: User, client: Client):
    with tenant_scope(account.pk, user_id=owner.pk):
        event = make_event(account, owner)

    changed = client.post(
        reverse("admin:events_event_change", args=[event.pk]), {**_event_post(event), "name": "Autumn gala"}
    )
    deleted = client.post(reverse("admin:events_event_delete", args=[event.pk]))

    assert (changed.status_code, deleted.status_code) == (302, 302)
    assert LogEntry.objects.count() == 0


def test_the_account_stands_on_every_page_with_a_way_to_another(account: Account, client: Client):
    page = client.get(reverse("admin:index")).content.decode()

    assert account.name in page
    assert reverse("choose-account") in page


def test_hard_deletion_is_offered_nowhere(account: Account, owner: User, client: Client):
    fill(account, owner)
    for model, model_admin in admin.site._registry.items():
        response = client.post(
            _list(model), {"action": "delete_selected", "_selected_action": "x", "post": "yes"}, follow=True
        )
        assert response.status_code == 200, model
        assert "delete_selected" not in {name for name, _ in _choices(response)}
        assert "delete_selected" not in model_admin.actions


def test_the_policy_for_scripts_is_widened_for_the_theme_alone(account: Account, client: Client):
    policy = client.get(reverse("admin:index")).headers["Content-Security-Policy"]

    scripts = next(part for part in policy.split("; ") if part.startswith("script-src"))
    assert scripts == "script-src 'self' 'unsafe-eval'"


def _choices(response: Any) -> list[tuple[str, str]]:
    form = (response.context or {}).get("action_form")
    return list(form.fields["action"].choices) if form else []


def _list(model: type) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def _event_post(event: Event) -> dict[str, Any]:
    def both(name: str, moment: datetime) -> dict[str, str]:
        return {f"{name}_0": f"{moment:%Y-%m-%d}", f"{name}_1": f"{moment:%H:%M:%S}"}

    day = datetime(2026, 7, 15, 10, 0)  # noqa: DTZ001  (as typed into the form)
    return {
        "name": event.name,
        "description": "",
        "event_type": event.event_type,
        "currency": event.currency,
        "timezone": event.timezone,
        "organizer": str(event.organizer_id),
        "client": "",
        "venue": "",
        "pending_holds": "on",
        **both("event_date", day),
        **both("registration_start_date", day - timedelta(days=30)),
        **both("registration_end_date", day - timedelta(days=1)),
    }
