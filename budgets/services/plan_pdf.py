"""A budget's plan as a document to print or to send: a PDF for the client, or one with all figures for the team."""

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from babel.numbers import format_decimal
from django.db.models import TextChoices
from django.utils import dateformat

from budgets.models import BudgetStatus
from budgets.selectors.printed_plan import PrintedGroup, PrintedLine, PrintedPlan, printed_plan
from budgets.services.plan_export import PlanFile, plan_filename
from budgetsite.accounts.permissions import may
from budgetsite.accounts.roles import Role
from budgetsite.documents.typesetting import typeset
from budgetsite.money.amounts import babel_locale, format_amount, format_money

PDF = "pdf"
PDF_CONTENT_TYPE = "application/pdf"

_TEMPLATE = Path(__file__).with_name("plan_pdf.typ")
_MINUS = "\N{MINUS SIGN}"
# CLDR's territories that print on Letter, by the currencies that their accounts keep books in.
_LETTER_CURRENCIES = frozenset(
    {"BZD", "CAD", "CLP", "COP", "CRC", "GTQ", "MXN", "NIO", "PAB", "PHP", "SVC", "USD", "VED", "VES"}
)


_AmountsOf = Callable[[PrintedLine | PrintedGroup], list[str]]


class Audience(TextChoices):
    """Whom a printed plan is for. The client's has the plan alone; the team's what became of it, and the income too."""

    CLIENT = "client", "Client"
    TEAM = "team", "Team"


class Paper(TextChoices):
    A4 = "a4", "A4"
    LETTER = "letter", "Letter"


def audience_of(role: Role | None, *, wanted: str | None) -> Audience:
    """Return whom a plan is printed for when someone with `role` asks: what is the team's never goes to a client."""
    if wanted is None or not may(role, "ledger.view"):
        return Audience.CLIENT
    return Audience(wanted)


def print_plan(
    budget_id: UUID,
    *,
    audience: Audience,
    language: str,
    now: datetime,
    paper: Paper | None = None,
) -> PlanFile:
    """Return a live budget's plan as a PDF; amounts and dates are written as in `language`.

    While a revision is worked on, the approved plan is printed, for it is what holds. Without `paper` it is the one
    that the account's country is likely to have. The number of statements does not grow with the lines.
    """
    plan = printed_plan(budget_id)
    account = plan.budget.tenant
    if paper is None:
        paper = Paper.LETTER if account.currency in _LETTER_CURRENCIES else Paper.A4
    values = _Words(plan, audience, language, now).values() | {"paper": paper.value}
    # So that nobody sends the client the wrong one of two files.
    whose = " (team)" if audience == Audience.TEAM else ""
    return PlanFile(
        filename=f"{plan_filename(plan.budget.event.name)}{whose}.{PDF}",
        content_type=PDF_CONTENT_TYPE,
        content=typeset(_TEMPLATE, values, now=now),
    )


class _Words:
    """All that the template prints, as texts: it has no arithmetic and knows no formats."""

    def __init__(self, plan: PrintedPlan, audience: Audience, language: str, now: datetime) -> None:
        self.plan, self.budget, self.event = plan, plan.budget, plan.budget.event
        self.for_team = audience == Audience.TEAM
        self.locale = babel_locale(language)
        self.now = now
        self.zone = ZoneInfo(self.event.timezone)

    def values(self) -> dict[str, Any]:
        currency = self.budget.currency
        return {
            "language": self.locale.language,
            "team": self.for_team,
            "account": self.budget.tenant.name,
            "event": self.event.name,
            "facts": self.facts(),
            "state": self.state(),
            "currency": f"{currency} ({self.locale.currencies.get(currency, currency)})",
            "figures": self.figures(),
            "costs": [self.group(group, self.costs_of) for group in self.plan.costs],
            "below": self.below(),
            "total": {"name": "Total", "amounts": self.total()},
            "income": self.income(),
            "notes": self.plan.notes if self.for_team else "",
            "edition": f"Revision {self.plan.revision} · version {self.budget.version}",
            "printed": f"Printed on {self.date(self.now)}",
        }

    def facts(self) -> list[dict[str, str]]:
        event, venue, client = self.event, self.event.venue, self.event.client
        when = dateformat.format(event.event_date.astimezone(self.zone), "l j F Y, H:i")
        facts = [("Date", f"{when} ({event.timezone})")]
        if venue is not None:
            facts.append(("Venue", ", ".join(part for part in (venue.name, venue.city, venue.country) if part)))
        if client is not None:
            facts.append(("Client", str(client)))
        if event.expected_guests is not None:
            facts.append(("Guests", self.number(Decimal(event.expected_guests))))
        return [{"name": name, "text": text} for name, text in facts]

    def state(self) -> dict[str, str]:
        """Return the word for what the plan is worth, a sentence about it, and what stands across the pages."""
        plan, budget = self.plan, self.budget
        approved = "Approved"
        if plan.approved_at is not None:
            approved += f" on {self.date(plan.approved_at)}"
        if self.for_team and plan.approved_by is not None:
            approved += f" by {plan.approved_by}"
        if budget.is_under_revision:
            text = f"{approved}. This plan is in force; a revision of it is being worked on."
            return {"word": "Approved", "text": text, "across": ""}
        if budget.status == BudgetStatus.DRAFT:
            return {"word": "Draft", "text": "This plan is not approved yet and may change.", "across": "Draft"}
        if budget.status == BudgetStatus.REVIEW:
            return {"word": "Draft", "text": "This plan waits for approval and may change.", "across": "Draft"}
        if budget.is_locked:
            return {"word": "Closed", "text": f"{approved}. The books of the event are closed.", "across": ""}
        return {"word": "Approved", "text": f"{approved}.", "across": ""}

    def figures(self) -> list[dict[str, str]]:
        """Return what stands large at the head."""
        budget = self.budget
        figures = [("Total", budget.in_force_amount)]
        if self.for_team:
            figures = [
                ("Budget", budget.in_force_amount),
                ("Actual", budget.total_actual_amount),
                ("Committed", budget.total_committed_amount),
                ("Available", budget.available_amount),
            ]
        return [{"name": name, "text": self.money(amount)} for name, amount in figures]

    def group(self, group: PrintedGroup, amounts_of: _AmountsOf) -> dict[str, Any]:
        return {
            "name": group.name,
            "amounts": amounts_of(group),
            "lines": [self.line(line, group.name, amounts_of) for line in group.lines],
        }

    def line(self, line: PrintedLine, category: str, amounts_of: _AmountsOf) -> dict[str, Any]:
        price = ""
        if line.quantity is not None and line.unit_price is not None:
            price = f"{self.number(line.quantity)} × {self.amount(line.unit_price)}"
        return {
            "name": line.name,
            "section": "" if line.section == category else line.section,
            "description": line.description,
            "notes": line.notes if self.for_team else "",
            "price": price,
            "remark": "Not in the plan" if line.is_unbudgeted else "",
            "amounts": amounts_of(line),
        }

    def below(self) -> list[dict[str, Any]]:
        """Return the rows between the lines and the total: what is in the total and on no line."""
        budget = self.budget
        reserve = budget.in_force_amount - self.plan.lines_total
        committed, actual = budget.unallocated_committed_amount, budget.unallocated_actual_amount
        if not reserve and not (self.for_team and (committed or actual)):
            return []
        return [{"name": "Not given to a line", "amounts": self.costs(reserve, committed, actual)}]

    def income(self) -> dict[str, Any] | None:
        """Return the income and what remains of it; the client's paper has neither."""
        budget, projected = self.budget, self.plan.projected_income
        if not self.for_team or not self.plan.income:
            return None
        received = budget.total_income_amount
        expected = projected - budget.in_force_amount
        return {
            "groups": [self.group(group, self.income_of) for group in self.plan.income],
            "total": {"name": "Total income", "amounts": [self.amount(projected), self.amount(received)]},
            "result": {"name": "Result", "amounts": [self.amount(expected), self.amount(budget.result_amount)]},
        }

    def total(self) -> list[str]:
        budget = self.budget
        return self.costs(budget.in_force_amount, budget.total_committed_amount, budget.total_actual_amount)

    def costs_of(self, sums: PrintedLine | PrintedGroup) -> list[str]:
        return self.costs(sums.budgeted, sums.committed, sums.actual)

    def income_of(self, sums: PrintedLine | PrintedGroup) -> list[str]:
        return [self.amount(sums.budgeted), self.amount(sums.actual)]

    def costs(self, budgeted: Decimal, committed: Decimal, actual: Decimal) -> list[str]:
        """Return the cells of a row, in the order of the template's columns."""
        shown = [budgeted, actual, committed, budgeted - actual] if self.for_team else [budgeted]
        return [self.amount(amount) for amount in shown]

    def amount(self, amount: Decimal) -> str:
        return format_amount(amount, self.budget.currency, self.locale).replace("-", _MINUS)

    def money(self, amount: Decimal) -> str:
        return format_money(amount, self.budget.currency, self.locale).replace("-", _MINUS)

    def number(self, number: Decimal) -> str:
        return format_decimal(number, format="#,##0.###", locale=self.locale)

    def date(self, moment: datetime) -> str:
        return dateformat.format(moment.astimezone(self.zone), "j F Y")
