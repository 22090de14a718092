from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

from budgetsite.accounts.selectors import UnknownAccount, find_account
from budgetsite.privacy.place import command_place
from budgetsite.privacy.selectors import UnknownPerson, find_person
from budgetsite.privacy.services.person_export import TargetTaken, export_person, private_archive
from budgetsite.tenancy.scope import tenant_scope


class Command(BaseCommand):
    help = "Write everything that an account has about one person, as JSON with their files. It is recorded."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, help="The account's slug or id.")
        parser.add_argument("--email", required=True, help="The address that the person signs in with.")
        parser.add_argument(
            "--to", type=Path, help="A new or empty folder, or a new file.zip; without it person-<id>.zip here."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account = find_account(options["account"])
            person = find_person(options["email"], account=account)
            target = options["to"] or Path(f"person-{person.pk}.zip")
            with tenant_scope(account.pk), private_archive(target) as archive, transaction.atomic():
                exported = export_person(
                    person=person,
                    account=account,
                    archive=archive,
                    place=command_place("export_person"),
                    now=timezone.now(),
                )
        except (UnknownAccount, UnknownPerson, TargetTaken, OSError) as error:
            raise CommandError(str(error)) from error
        for table, count in exported.rows.items():
            self.stdout.write(f"{count:>9,}  {table}")
        self.stdout.write(f"{sum(exported.rows.values()):,} rows and {exported.files:,} files in {target}.")
