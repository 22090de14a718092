from typing import Any

from django.core.management.base import BaseCommand

from budgetsite.tenancy.roles import prepare_database


class Command(BaseCommand):
    help = "Make the request role and the service role and give them their rights. `migrate` does this by itself."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write("Database roles ready: " + ", ".join(prepare_database()))
