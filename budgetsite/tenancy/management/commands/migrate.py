"""Django's `migrate`, as the database's owner: the request role may not change tables."""

from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate

from budgetsite.tenancy.roles import prepare_database, protect_migrations


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        changes_database = options["database"] == "owner" and not options["check_unapplied"] and not options["plan"]
        if changes_database:
            prepare_database()
        super().handle(*args, **options)
        if changes_database:
            protect_migrations()
