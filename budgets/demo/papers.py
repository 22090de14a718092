"""The papers of Mesa y Luna's events: vendors, contracts, bills, payments, and what people say about them."""

from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from budgets.demo.people import Cast
from budgets.models import ApprovalSubject, BudgetLineItem, EventBudget, Expense, ExpenseStage
from budgets.services.approval_rules import create_approval_rule
from budgets.services.comment import add_comment
from budgets.services.exchange_rate_table import create_rate
from budgets.services.expense import record_expense
from budgets.services.expense_stages import approve_expense, invoice_expense
from budgets.services.payment import add_payment
from budgets.services.vendor import create_vendor
from budgetsite.accounts.roles import Role

CURRENCY = "EUR"
# Bills are due so many days after their day; those of long ago were paid in time.
DUE_AFTER = timedelta(days=30)

# Who supplies what in the stories: by the category of the line.
SUPPLIERS = {
    "Venue": "Masía Can Ribó",
    "Catering": "Cocina de la Abuela",
    "Photography": "Fotografía Ólafur Árnason",
    "Food & Beverage": "Metzgerei Groß",
    "Entertainment": "Agentur Öhrchen",
    "Labor": "Personal Plus",
    "Attire": "Taller Íñigo",
    "Stationery": "Papel y Tinta",
    "Rings": "Joyería Çelik",
}


def record_line(
    cast: Cast,
    line: BudgetLineItem,
    *,
    spent: str,
    promised: str,
    billed: str,
    signed: date,
    billed_on: date,
    now: datetime,
) -> None:
    """Record, as staff, what became of a planned line: a contract with its first bill, and what was billed at once.

    Bills that were due before `now` were paid on their day.
    """
    if Decimal(promised):
        contract = _record(
            cast,
            line,
            description=f"Contract: {line.name}",
            amount=Decimal(promised),
            stage=ExpenseStage.COMMITTED,
            expense_date=signed,
        )
        if Decimal(billed):
            _bill(cast, contract, Decimal(billed), billed_on)
    if Decimal(spent):
        expense = _record(
            cast,
            line,
            description=line.name,
            amount=Decimal(spent),
            stage=ExpenseStage.INVOICED,
            expense_date=billed_on,
            due_date=billed_on + DUE_AFTER,
        )
        paid_at = _noon(billed_on + DUE_AFTER, expense)
        if paid_at < now:
            _pay(cast, expense, paid_at)


def keep_papers(cast: Cast, *, now: datetime) -> None:
    """What is to be paid, what is overdue, what waits for approval, a bill in another currency, and a dear offer."""
    today = now.astimezone(ZoneInfo("Europe/Madrid")).date()
    with cast.acting(Role.OWNER) as owner:
        create_approval_rule(
            acting_user=owner,
            subject=ApprovalSubject.EXPENSE,
            role=Role.MANAGER,
            currency=CURRENCY,
            above_amount=Decimal(1500),
        )
        create_rate(
            acting_user=owner,
            base_currency="GBP",
            quote_currency=CURRENCY,
            on_date=today - timedelta(days=40),
            rate=Decimal("1.1480"),
            source="House bank, selling rate",
        )
        create_vendor(
            acting_user=owner,
            name="Floristería Ñandú",
            contact_name="Begoña Ñíguez",
            email="flores@nandu.example",
            phone="+34 930 000 017",
            payment_terms_days=14,
            bank_details="ES00 0000 0000 0000 0000 0000",
        )
    wedding = _budget_of(cast, "Boda de Zoë y Mateo")
    _pay_the_hall(cast, wedding, today, now)
    _flowers(cast, wedding, today, now)
    _spend_beside_the_plan(cast, _budget_of(cast, "Sommerfest der Käfer & Söhne GmbH"), today, now)
    _plan_beyond_the_plan(cast, _budget_of(cast, "Wesele Łukasza i Oli"), now)


def _pay_the_hall(cast: Cast, wedding: EventBudget, today: date, now: datetime) -> None:
    """The first bill in two instalments: one was paid, the other is overdue."""
    with cast.acting(Role.STAFF) as staff:
        hall = Expense.objects.get(budget=wedding, line_item__category__name="Venue")
        paid: dict[str, Any] = {"acting_user": staff, "acting_role": Role.STAFF, "now": now, "expense_id": hall.pk}
        add_payment(
            amount=Decimal("2500.00"),
            paid_at=now - timedelta(days=18),
            method="transfer",
            reference="CAN-RIBO-2041 first part",
            **paid,
        )
        add_payment(amount=Decimal("1500.00"), due_date=today - timedelta(days=3), **paid)


def _flowers(cast: Cast, wedding: EventBudget, today: date, now: datetime) -> None:
    flowers = _note(
        cast,
        Role.ORGANIZER,
        wedding,
        now,
        category="Flowers",
        vendor="Floristería Ñandú",
        description="Peonies, olive branches, twelve tables",
        amount=Decimal("980.00"),
        stage=ExpenseStage.INVOICED,
        invoice_number="F-118",
        expense_date=today - timedelta(days=4),
    )
    _note(
        cast,
        Role.ORGANIZER,
        wedding,
        now,
        category="Music",
        vendor="The Cèilidh Collective",
        description="Band from Glasgow, two sets",
        amount=Decimal("640.00"),
        currency="GBP",
        stage=ExpenseStage.COMMITTED,
        due_date=today + timedelta(days=45),
    )
    _note(
        cast,
        Role.ORGANIZER,
        wedding,
        now,
        category="Videography",
        vendor="Cine Luz",
        description="Film of the day, with a drone",
        amount=Decimal("1650.00"),
        stage=ExpenseStage.COMMITTED,
        due_date=today + timedelta(days=60),
    )
    _note(
        cast,
        Role.CLIENT,
        wedding,
        now,
        category="Hair/Makeup",
        description="تصفيف الشعر والمكياج",
        amount=Decimal("310.00"),
        due_date=today + timedelta(days=70),
    )
    with cast.acting(Role.CLIENT) as client:
        add_comment(
            budget=wedding,
            expense=flowers,
            acting_user=client,
            text="The peonies are lovely. Could the arch have some too?",
        )
    with cast.acting(Role.ORGANIZER) as organizer:
        add_comment(
            budget=wedding,
            expense=flowers,
            acting_user=organizer,
            text="Yes: Begoña keeps the twelve from the ceremony for it. It costs nothing more.",
        )


def _spend_beside_the_plan(cast: Cast, party: EventBudget, today: date, now: datetime) -> None:
    """Nobody had planned for flowers."""
    _note(
        cast,
        Role.STAFF,
        party,
        now,
        category="Flowers",
        vendor="Blumen Jäger",
        description="Sunflowers for the stage",
        amount=Decimal("185.00"),
        stage=ExpenseStage.INVOICED,
        expense_date=today - timedelta(days=10),
        due_date=today + timedelta(days=4),
    )


def _plan_beyond_the_plan(cast: Cast, wedding: EventBudget, now: datetime) -> None:
    """More guests come than the plan was made for. Nothing is promised yet, and the offer is more than is left."""
    offer = _note(
        cast,
        Role.ORGANIZER,
        wedding,
        now,
        category="Catering",
        vendor="Cocina de la Abuela",
        description="Offer: both days for 150 guests instead of 100",
        amount=Decimal("11250.00"),
    )
    with cast.acting(Role.MANAGER) as manager:
        approve_expense(
            expense_id=offer.pk, acting_user=manager, acting_role=Role.MANAGER, account=cast.account, now=now
        )


def _note(cast: Cast, role: Role, budget: EventBudget, now: datetime, **fields: Any) -> Expense:
    """Record an expense of the budget's event as the person with `role`."""
    with cast.acting(role) as user:
        return record_expense(
            event=budget.event, acting_user=user, acting_role=role, account=cast.account, now=now, **fields
        )


def _record(cast: Cast, line: BudgetLineItem, **fields: Any) -> Expense:
    with cast.acting(Role.STAFF) as staff:
        return record_expense(
            event=line.budget.event,
            acting_user=staff,
            acting_role=Role.STAFF,
            account=cast.account,
            now=datetime.combine(fields["expense_date"], datetime.min.time(), ZoneInfo(line.budget.event.timezone)),
            line_item_id=line.pk,
            vendor=SUPPLIERS.get(line.category.name),
            **fields,
        )


def _bill(cast: Cast, contract: Expense, amount: Decimal, billed_on: date) -> None:
    with cast.acting(Role.STAFF) as staff:
        invoice_expense(
            expense_id=contract.pk,
            acting_user=staff,
            now=datetime.combine(billed_on, datetime.min.time(), ZoneInfo(contract.event.timezone)),
            amount=amount,
            invoice_date=billed_on,
            due_date=billed_on + DUE_AFTER,
        )


def _pay(cast: Cast, expense: Expense, paid_at: datetime) -> None:
    with cast.acting(Role.STAFF) as staff:
        add_payment(
            expense_id=expense.pk,
            amount=expense.amount,
            paid_at=paid_at,
            method="transfer",
            acting_user=staff,
            acting_role=Role.STAFF,
            now=paid_at,
        )


def _noon(day: date, expense: Expense) -> datetime:
    return datetime.combine(day, time(12), ZoneInfo(expense.event.timezone))


def _budget_of(cast: Cast, event_name: str) -> EventBudget:
    with cast.acting(Role.STAFF):
        budget: EventBudget = EventBudget.objects.select_related("event").get(event__name=event_name)
        return budget
