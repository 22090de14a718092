from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from budgetsite.accounts.selectors import UnknownAccount, find_account
from budgetsite.encryption.rotation import BATCH_ROWS, Progress, Rotation, rotate


class Command(BaseCommand):
    help = (
        "Encrypt everything under the first of FIELD_ENCRYPTION_KEYS. People may work meanwhile; what is interrupted "
        "goes on with the next run. Says which keys are still needed; names what cannot be decrypted, and exits 1 then."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", help="The account's slug or id; without one, all accounts.")
        parser.add_argument("--batch", type=int, default=BATCH_ROWS, help=f"Rows in a transaction ({BATCH_ROWS}).")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account = find_account(options["account"]) if options["account"] else None
        except UnknownAccount as error:
            raise CommandError(str(error)) from error
        if options["batch"] < 1:
            raise CommandError("A batch has at least one row.")
        rotation = rotate(
            tenant_id=account.pk if account else None, batch_rows=options["batch"], progress=self._tell_progress
        )
        self.stdout.write(f"{rotation.rotated:,} values encrypted anew.")
        self._tell_keys(rotation, of=account.slug if account else "")
        for each in rotation.unreadable:
            self.stdout.write(f"  {each}")
        if rotation.unreadable:
            raise CommandError(f"{len(rotation.unreadable):,} values could not be decrypted and stay as they are.")

    def _tell_progress(self, progress: Progress) -> None:
        self.stdout.write(f"  {progress.column}: {progress.done:,} of {progress.total:,}")
        self.stdout.flush()

    def _tell_keys(self, rotation: Rotation, *, of: str) -> None:
        known = [key.id for key in settings.FIELD_ENCRYPTION_KEYS]
        for key_id in [*known, *sorted(rotation.keys.keys() - {*known, ""})]:
            count = rotation.keys[key_id]
            if key_id not in known:
                self.stdout.write(f"Key {key_id}: {count:,} values, and FIELD_ENCRYPTION_KEYS does not have it.")
            elif key_id == known[0]:
                self.stdout.write(f"Key {key_id}: {count:,} values. It encrypts.")
            elif count:
                self.stdout.write(f"Key {key_id}: {count:,} values. Keep it, and run this again.")
            elif of:
                self.stdout.write(f"Key {key_id}: no values of {of}. Other accounts may need it.")
            else:
                self.stdout.write(f"Key {key_id}: no values. Only backups may still need it.")
        if rotation.keys[""]:
            self.stdout.write(f"{rotation.keys['']:,} values are not encrypted.")
