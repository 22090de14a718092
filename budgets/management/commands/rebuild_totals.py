from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from budgets.services.ledger_proof import rebuild_totals
from budgetsite.accounts.selectors import UnknownAccount, all_accounts, find_account
from budgetsite.tenancy.scope import tenant_scope


class Command(BaseCommand):
    help = "Set the totals of budgets and lines to what the ledger's entries say. The entries are never changed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="The account's slug or id; without one, all accounts.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            accounts = [find_account(options["account"])] if options["account"] else all_accounts()
        except UnknownAccount as error:
            raise CommandError(str(error)) from error
        unmended = 0
        for account in accounts:
            with tenant_scope(account.pk), transaction.atomic():
                rebuilt = rebuild_totals()
            what = f"{rebuilt.changed} rows mended" if rebuilt.changed else "all right"
            self.stdout.write(f"{account.slug}: {what if not rebuilt.unmended else f'{rebuilt.changed} rows mended'}")
            for discrepancy in rebuilt.unmended:
                unmended += 1
                self.stderr.write(f"{account.slug}: {discrepancy}")
        if unmended:
            raise CommandError(f"{unmended} budget(s) could not be mended.")
