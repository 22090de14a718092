from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from budgets.services.ledger_audit import audit_ledger
from budgetsite.accounts.selectors import UnknownAccount, all_accounts, find_account
from budgetsite.tenancy.scope import tenant_scope


class Command(BaseCommand):
    help = "Recompute every total and every hash from the ledger's entries. Names what differs, and exits 1 then."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="The account's slug or id; without one, all accounts.")
        parser.add_argument("--all-problems", action="store_true", help="List everything that differs.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            accounts = [find_account(options["account"])] if options["account"] else all_accounts()
        except UnknownAccount as error:
            raise CommandError(str(error)) from error
        wrong = []
        for account in accounts:
            with tenant_scope(account.pk):
                audit = audit_ledger()
            self.stdout.write(f"{account.slug}: {audit.verdict}")
            if audit.discrepancies:
                wrong.append(account.slug)
            if options["all_problems"]:
                for discrepancy in audit.discrepancies:
                    self.stdout.write(f"  {discrepancy}")
        if wrong:
            raise CommandError(f"The ledger of {', '.join(wrong)} does not add up.")
