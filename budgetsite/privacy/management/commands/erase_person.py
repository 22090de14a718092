from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from budgetsite.accounts.selectors import UnknownAccount, find_account
from budgetsite.privacy.place import command_place
from budgetsite.privacy.selectors import UnknownPerson
from budgetsite.privacy.services.erasure import Erasure, LastOwnerStays, PlatformPersonStays, erase_person


class Command(BaseCommand):
    help = (
        "Erase one person: their texts, their membership and, with their last account, name and address. What they "
        "did stays in books and ledger, as done by an erased person. It cannot be taken back, and is recorded."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, help="The account's slug or id.")
        parser.add_argument("--email", required=True, help="The address that the person signs in with.")
        parser.add_argument(
            "--everywhere", action="store_true", help="In every account that they belong or belonged to."
        )
        parser.add_argument("--dry-run", action="store_true", help="Say what would be erased, and erase nothing.")
        parser.add_argument("--yes", action="store_true", help="Do not ask.")

    def handle(self, *args: Any, **options: Any) -> None:
        sure = options["dry_run"] or options["yes"]
        if not sure and input("This cannot be taken back. Type the address again: ") != options["email"]:
            raise CommandError("Nothing was erased: the addresses differ.")
        try:
            erasure = erase_person(
                account=find_account(options["account"]),
                email=options["email"],
                place=command_place("erase_person"),
                now=timezone.now(),
                everywhere=options["everywhere"],
                dry_run=options["dry_run"],
            )
        except (UnknownAccount, UnknownPerson, LastOwnerStays, PlatformPersonStays) as error:
            raise CommandError(str(error)) from error
        self._tell(erasure, dry_run=options["dry_run"])

    def _tell(self, erasure: Erasure, *, dry_run: bool) -> None:
        for slug, counts in erasure.erased.items():
            for what, count in counts.items():
                self.stdout.write(f"{slug}: {count:,} {what}")
            for sentence in erasure.stays[slug]:
                self.stdout.write(f"{slug}: {sentence}")
        if not erasure.person_erased:
            self.stdout.write(
                f"They belong to {erasure.other_accounts} other account(s), and so keep their name, their address and "
                "their password. --everywhere erases them there too."
            )
        elif dry_run:
            self.stdout.write("Name, address and everything to sign in with would go.")
        else:
            self.stdout.write("Name, address and everything to sign in with are gone.")
        if dry_run:
            self.stdout.write("Nothing was erased: this was a dry run.")
