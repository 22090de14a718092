import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from budgetsite.accounts.models import Account, Membership
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import UnknownAccount, find_account
from budgetsite.accounts.services import AlreadyMember, add_member, create_account


class Command(BaseCommand):
    help = "Open an account with its owner, and print the ids as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", metavar="NAME")
        parser.add_argument("--slug", required=True)
        parser.add_argument("--currency", required=True, help="ISO 4217 code, for example USD.")
        parser.add_argument("--timezone", required=True, help="For example America/Toronto.")
        parser.add_argument("--owner-email", required=True)
        parser.add_argument("--password", help="The owner's; without one they use the password reset.")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account, account_exists = self._account(options)
            membership, owner_exists = self._owner(account, options)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(
            json.dumps(
                {
                    "account_id": str(account.pk),
                    "slug": account.slug,
                    "user_id": str(membership.user_id),
                    "membership_id": str(membership.pk),
                    "role": membership.role,
                    "exists": account_exists,
                    "member_exists": owner_exists,
                }
            )
        )
        if account_exists:
            self.stderr.write(f"The account {account.slug} exists already; it was left as it is.")

    def _account(self, options: dict[str, Any]) -> tuple[Account, bool]:
        try:
            return find_account(options["slug"]), True
        except UnknownAccount:
            made = create_account(
                name=options["name"],
                slug=options["slug"],
                currency=options["currency"],
                timezone=options["timezone"],
            )
            return made, False

    def _owner(self, account: Account, options: dict[str, Any]) -> tuple[Membership, bool]:
        try:
            made = add_member(
                account=account, email=options["owner_email"], role=Role.OWNER, password=options["password"]
            )
        except AlreadyMember as error:
            return error.membership, True
        return made, False
