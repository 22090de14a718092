"""Django's `migrate`, as the database's owner: the request role may not change tables."""

import gc
from typing import Any

from django.core.management.base import CommandParser
from django.core.management.commands import migrate

from budgetsite.tenancy.migration_states import keeping_classes
from budgetsite.tenancy.roles import prepare_database, protect_migrations


class Command(migrate.Command):
    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.set_defaults(database="owner")

    def handle(self, *args: Any, **options: Any) -> None:
        changes_database = options["database"] == "owner" and not options["check_unapplied"] and not options["plan"]
        if changes_database:
            prepare_database()
        # Thousands of classes are made for the states between the migrations; searching them all for garbage again and
        # again would take a third of the time.
        often = gc.get_threshold()
        gc.set_threshold(200_000, *often[1:])
        try:
            with keeping_classes():
                super().handle(*args, **options)
        finally:
            gc.set_threshold(*often)
        if changes_database:
            protect_migrations()
