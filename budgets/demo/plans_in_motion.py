"""What happens to Mesa y Luna's plans after they were made: stages, a revision, transfers, a copy, a template."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.utils import timezone

from budgets.demo.people import Cast
from budgets.demo.steps import take_steps
from budgets.models import ApprovalSubject, BudgetLineItem, Category, EventBudget, TemplateBasis
from budgets.services.approval_rules import create_approval_rule
from budgets.services.budget_copy import copy_budget
from budgets.services.driver import create_driver
from budgets.services.event_budget import update_event_budget
from budgets.services.line_item import add_line_item, update_line_item
from budgets.services.template_from_budget import save_budget_as_template
from budgets.services.transfer import transfer_between_lines
from budgetsite.accounts.roles import Role
from events.models import Event
from events.services import create_event

CURRENCY = "EUR"


def keep_rules(cast: Cast) -> None:
    """A manager approves every plan, the owner large ones and dear entertainment; a manager transfers above 500."""
    with cast.acting(Role.OWNER) as owner:
        entertainment = Category.objects.get(name="Entertainment")
        create_approval_rule(acting_user=owner, role=Role.MANAGER, currency=CURRENCY, stage=1)
        create_approval_rule(
            acting_user=owner, role=Role.OWNER, currency=CURRENCY, stage=2, above_amount=Decimal(10_000)
        )
        create_approval_rule(
            acting_user=owner,
            role=Role.OWNER,
            currency=CURRENCY,
            stage=2,
            above_amount=Decimal(2000),
            category=entertainment,
        )
        create_approval_rule(
            acting_user=owner,
            subject=ApprovalSubject.TRANSFER,
            role=Role.MANAGER,
            currency=CURRENCY,
            above_amount=Decimal(500),
        )


def set_in_motion(cast: Cast, *, now: datetime) -> None:
    _move_money(cast, _budget_of(cast, "Boda de Zoë y Mateo"))
    _revise(cast, _budget_of(cast, "Sommerakademie der Köche"), now=now)
    _repeat(cast, _budget_of(cast, "Fête des vendanges"), now=now)
    with cast.acting(Role.ORGANIZER) as organizer:
        save_budget_as_template(
            budget_id=_budget_of(cast, "Gala benéfica de otoño").pk,
            acting_user=organizer,
            name="Gala, dinner and strings",
            description="What a gala for ninety has come to, as shares of its total.",
            basis=TemplateBasis.SHARE,
        )


def _move_money(cast: Cast, wedding: EventBudget) -> None:
    """A small transfer that is done, and one that waits for a manager."""
    for giver, receiver, amount, reason in (
        ("Gifts/Favors", "Flowers", "150.00", "Peonies instead of carnations; the favours became smaller."),
        ("Videography", "Photography", "620.00", "One team for pictures and film; the film is the short one."),
    ):
        with cast.acting(Role.ORGANIZER) as organizer:
            lines = {line.name: line.pk for line in BudgetLineItem.objects.filter(budget=wedding)}
            transfer_between_lines(
                budget_id=wedding.pk,
                from_line_id=lines[giver],
                to_line_id=lines[receiver],
                amount=Decimal(amount),
                reason=reason,
                acting_user=organizer,
                acting_role=Role.ORGANIZER,
                account=cast.account,
                # The clock dates what was planned before; what is moved comes after it in the story.
                now=timezone.now(),
            )


def _revise(cast: Cast, academy: EventBudget, *, now: datetime) -> None:
    """More guests than planned: the approved plan stays in force while the next one waits for its first stage."""
    take_steps(cast, academy, "revise", now=now, reason="Thirty guests more, and they stay the night.")
    with cast.acting(Role.ORGANIZER) as organizer:
        update_event_budget(
            budget_id=academy.pk,
            version=EventBudget.objects.get(pk=academy.pk).version,
            acting_user=organizer,
            total_budget_amount=Decimal("16500.00"),
        )
        board = BudgetLineItem.objects.get(budget=academy, name="Verpflegung, 40 Gäste")
        update_line_item(
            budget_id=academy.pk,
            line_item_id=board.pk,
            version=EventBudget.objects.get(pk=academy.pk).version,
            acting_user=organizer,
            name="Verpflegung, 70 Gäste",
            budgeted_amount=Decimal("9100.00"),
        )
        add_line_item(
            budget_id=academy.pk,
            acting_user=organizer,
            category="Miscellaneous",
            name="Zimmer im Gästehaus",
            unit_price=Decimal("78.00"),
            quantity=Decimal(15),
        )
    take_steps(cast, academy, "submit", now=now)


def _repeat(cast: Cast, last_time: EventBudget, *, now: datetime) -> None:
    """Last year's party again: its plan and 4 % on top, with what counts per guest following the guests."""
    with cast.acting(Role.ORGANIZER) as organizer:
        before: Event = last_time.event
        event = create_event(
            account=cast.account,
            acting_user=organizer,
            name="Fête des vendanges, encore",
            description="As last time, with mulled wine and a fee from each guest.",
            event_type=before.event_type,
            event_date=before.event_date + timedelta(days=390),
            registration_start_date=before.registration_start_date + timedelta(days=390),
            registration_end_date=before.registration_end_date + timedelta(days=390),
            expected_guests=55,
        )
        budget = copy_budget(
            source_id=last_time.pk,
            event=event,
            acting_user=organizer,
            factor=Decimal("1.04"),
            # Room for what is new this year.
            total_budget_amount=Decimal("4400.00"),
        )
        guests = create_driver(budget_id=budget.pk, acting_user=organizer, name="Guests", follows_guests=True)
        for kind, category, name, price in (
            ("cost", "Food & Beverage", "Vin chaud, deux verres", "4.80"),
            ("income", "Miscellaneous", "Participation", "95.00"),
        ):
            add_line_item(
                budget_id=budget.pk,
                acting_user=organizer,
                kind=kind,
                category=category,
                name=name,
                unit_price=Decimal(price),
                driver_id=guests.pk,
            )


def _budget_of(cast: Cast, event_name: str) -> EventBudget:
    with cast.acting(Role.ORGANIZER):
        budget: EventBudget = EventBudget.objects.select_related("event").get(event__name=event_name)
        return budget
