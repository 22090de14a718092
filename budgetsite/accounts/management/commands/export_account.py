from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from budgetsite.accounts.selectors import UnknownAccount, find_account
from budgetsite.privacy.place import command_place
from budgetsite.privacy.services.account_export import export_account
from budgetsite.tenancy.export import MANIFEST, FolderNotEmpty


class Command(BaseCommand):
    help = "Write everything that an account has, deleted rows and history included, as CSV files with a manifest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, help="The account's slug or id.")
        parser.add_argument("--out", required=True, type=Path, help="A folder that is empty or does not exist yet.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account = find_account(options["account"])
            tables = export_account(
                account=account,
                directory=options["out"],
                place=command_place("export_account"),
                now=timezone.now(),
            )
        except (UnknownAccount, FolderNotEmpty, OSError) as error:
            raise CommandError(str(error)) from error
        for table in tables:
            self.stdout.write(f"{table.rows:>9,}  {table.file}")
        self.stdout.write(
            f"{sum(table.rows for table in tables):,} rows of {account.slug} in {options['out']}; "
            f"{MANIFEST} has their checksums."
        )
