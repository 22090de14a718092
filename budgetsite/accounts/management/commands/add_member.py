import json
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import transaction

from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import UnknownAccount, find_account
from budgetsite.accounts.services import AlreadyMember, add_member


class Command(BaseCommand):
    help = "Give a person a role in an account, and print the ids as JSON."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--account", required=True, help="The account's slug or id.")
        parser.add_argument("--email", required=True)
        parser.add_argument("--role", required=True, choices=Role.values)
        parser.add_argument("--name", default="")
        parser.add_argument("--password", help="For a person who is new; without one they use the password reset.")

    @transaction.atomic
    def handle(self, *args: Any, **options: Any) -> None:
        try:
            account = find_account(options["account"])
            membership, exists = (
                add_member(
                    account=account,
                    email=options["email"],
                    role=Role(options["role"]),
                    password=options["password"],
                    name=options["name"],
                ),
                False,
            )
        except AlreadyMember as error:
            membership, exists = error.membership, True
            self.stderr.write(str(error))
        except UnknownAccount as error:
            raise CommandError(str(error)) from error
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from error
        self.stdout.write(
            json.dumps(
                {
                    "account_id": str(account.pk),
                    "user_id": str(membership.user_id),
                    "membership_id": str(membership.pk),
                    "role": membership.role,
                    "exists": exists,
                }
            )
        )
