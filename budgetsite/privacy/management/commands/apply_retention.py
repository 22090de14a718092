from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from budgetsite.accounts.models import Account
from budgetsite.accounts.selectors import UnknownAccount, all_accounts, find_account
from budgetsite.privacy.services.retention import apply_retention, outdated_data
from budgetsite.tenancy.scope import tenant_scope


class Command(BaseCommand):
    help = "Let go of the personal data that the accounts' retention rules no longer keep. Runs every night by itself."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="The account's slug or id; without one, all accounts.")
        parser.add_argument("--dry-run", action="store_true", help="List what would go, row by row.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            accounts = [find_account(options["account"])] if options["account"] else all_accounts()
        except UnknownAccount as error:
            raise CommandError(str(error)) from error
        for account in accounts:
            with tenant_scope(account.pk):
                if options["dry_run"]:
                    self._list(account)
                else:
                    self._apply(account)

    def _list(self, account: Account) -> None:
        for kind, outdated in outdated_data(now=timezone.now()):
            self.stdout.write(f"{account.slug}: {kind.label}: {len(outdated):,} would go")
            for each in outdated:
                self.stdout.write(f"  {each}")

    def _apply(self, account: Account) -> None:
        for applied in apply_retention(now=timezone.now()):
            said = "another process is at it" if applied.busy else f"{applied.forgotten:,} let go"
            self.stdout.write(f"{account.slug}: {applied.kind.label}: {said}")
