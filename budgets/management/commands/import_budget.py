from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from budgets.services.plan_import import ImportRefused, ImportReport, OnExisting, import_plan
from budgets.services.problems import BudgetProblem
from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import UnknownAccount, find_account
from budgetsite.money.amounts import InvalidAmount, format_amount
from budgetsite.money.typed_amounts import DECIMAL_MARKS
from budgetsite.sheets.columns import UnreadableSheet
from budgetsite.tenancy.scope import tenant_scope
from events.models import Event


def amount(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation as error:
        # What argparse makes a sentence of.
        raise ValueError(text) from error


class Command(BaseCommand):
    help = "Import the plan of an event's budget from a CSV or XLSX file: all rows or none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", metavar="FILE", type=Path)
        parser.add_argument("--account", required=True, help="The account's slug or id.")
        event = parser.add_mutually_exclusive_group(required=True)
        event.add_argument("--event", type=UUID, help="The event's id.")
        event.add_argument("--event-name", help="The event's name; case does not matter.")
        parser.add_argument("--dry-run", action="store_true", help="Report every row and problem, and store nothing.")
        parser.add_argument(
            "--create-categories", action="store_true", help="Make the categories that the account lacks."
        )
        parser.add_argument(
            "--on-existing",
            choices=OnExisting.values,
            default=OnExisting.REFUSE,
            help="What happens to rows that the budget has already. Default: refuse.",
        )
        parser.add_argument("--total", type=amount, help="The budget's ceiling. A new one without follows its lines.")
        parser.add_argument(
            "--decimal-mark", choices=DECIMAL_MARKS, help="Where the file leaves open what “1,234” means."
        )
        parser.add_argument("--user", help="In whose name: a member's e-mail address. Default: the account's owner.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account_id = find_account(options["account"]).pk
            with tenant_scope(account_id), transaction.atomic():
                user = _member(options["user"])
                event = _event(options["event"], options["event_name"])
                account = Account.objects.get(pk=account_id)
            self.stdout.write(f"{options['file'].name} → {event.name} ({account.name}), in the name of {user}")
            with tenant_scope(account_id, user_id=user.pk), options["file"].open("rb") as file:
                report = import_plan(
                    file=file,
                    filename=options["file"].name,
                    event=event,
                    acting_user=user,
                    dry_run=options["dry_run"],
                    create_categories=options["create_categories"],
                    on_existing=OnExisting(options["on_existing"]),
                    total_budget_amount=options["total"],
                    decimal_mark=options["decimal_mark"],
                )
        except ImportRefused as error:
            self._print(error.report)
            raise CommandError(str(error)) from error
        except (UnknownAccount, UnreadableSheet, InvalidAmount, BudgetProblem, OSError) as error:
            raise CommandError(str(error)) from error
        self._print(report)
        if report.problems:
            raise CommandError(f"{len(report.problems)} problem(s). This was a dry run: nothing was stored.")
        if options["dry_run"]:
            self.stdout.write("This was a dry run: nothing was stored.")
        elif report.budget is not None:
            self.stdout.write(f"Imported into budget {report.budget.pk}, now at version {report.budget.version}.")

    def _print(self, report: ImportReport) -> None:
        def shown(value: Decimal) -> str:
            return format_amount(value, report.currency, "en")

        for line in report.lines:
            spent = f", {shown(line.actual_amount)} spent" if line.actual_amount else ""
            new = " (new)" if line.is_new_category else ""
            section = f"{line.section} / " if line.section else ""
            self.stdout.write(
                f"  row {line.row:>5}  {shown(line.budgeted_amount):>14}  {section}{line.category}{new}: "
                f"{line.name}{spent}"
            )
        for warning in report.warnings:
            self.stdout.write(f"  note: {warning}")
        for problem in report.problems:
            where = f"row {problem.row}, {problem.column or 'row'}" if problem.row else "the file"
            value = f" “{problem.value}”" if problem.value else ""
            self.stdout.write(self.style.ERROR(f"  {where}{value}: {problem.message}"))
        self.stdout.write(
            f"{len(report.lines)} rows: {shown(report.budgeted_amount)} {report.currency} budgeted, "
            f"{shown(report.actual_amount)} spent; the budget's total: {shown(report.total_budget_amount)}."
        )


def _member(email: str | None) -> User:
    """Return the member with this address, or the account's first owner."""
    members = Membership.objects.select_related("user").order_by("created_at", "id")
    wanted = members.filter(role=Role.OWNER) if email is None else members.filter(user__email=email.strip().lower())
    found = wanted.first()
    if found is None:
        raise CommandError(f"{email or 'Nobody'} is {'no member' if email else 'owner'} of this account.")
    return found.user


def _event(event_id: UUID | None, name: str | None) -> Event:
    wanted = Event.objects.filter(pk=event_id) if event_id else Event.objects.filter(name__iexact=(name or "").strip())
    found = list(wanted.order_by("event_date", "id")[:10])
    if not found:
        raise CommandError(f"This account has no event {event_id or name!r}.")
    if len(found) > 1:
        ids = ", ".join(f"{event.pk} ({event.event_date:%Y-%m-%d})" for event in found)
        raise CommandError(f"Several events have that name. Name one by --event: {ids}")
    return found[0]
