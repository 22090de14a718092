from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from budgetsite.accounts.selectors import UnknownAccount, all_accounts, find_account
from budgetsite.tenancy.scope import tenant_scope
from registrations.services.registration_proof import verify_registrations


class Command(BaseCommand):
    help = "Count registrations, places and promises anew. Names every counter that differs, and exits 1 then."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="The account's slug or id; without one, all accounts.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            accounts = [find_account(options["account"])] if options["account"] else all_accounts()
        except UnknownAccount as error:
            raise CommandError(str(error)) from error
        wrong = []
        for account in accounts:
            with tenant_scope(account.pk):
                discrepancies = verify_registrations()
            self.stdout.write(f"{account.slug}: {f'{len(discrepancies)} differ' if discrepancies else 'all right'}")
            for discrepancy in discrepancies:
                self.stdout.write(f"  {discrepancy}")
            if discrepancies:
                wrong.append(account.slug)
        if wrong:
            raise CommandError(f"The registrations of {', '.join(wrong)} do not add up.")
