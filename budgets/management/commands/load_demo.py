from datetime import datetime
from itertools import groupby
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

import alerts.demo
import registrations.demo
from budgets.demo import mesa_y_luna
from budgets.demo.loading import SignIn, SlugTaken, load_demo
from budgets.demo.people import PASSWORD, Cast


class Command(BaseCommand):
    help = "Make the demo's two accounts where they are missing, and print with what everybody signs in."
    # `migrate`, which comes before it, makes them all; their advice would stand among the sign-ins.
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            sign_ins = load_demo(now=timezone.now(), sequels={mesa_y_luna.HOUSE.slug: _go_on})
        except SlugTaken as error:
            raise CommandError(str(error)) from error
        width = max(len(each.email) for each in sign_ins)
        self.stdout.write(f"The demo's people. Everybody's password is {PASSWORD}\n")
        for account, people in groupby(sign_ins, key=lambda each: each.account):
            self.stdout.write(f"\n  {account}")
            for each in people:
                self.stdout.write(_row(each, width))


def _go_on(cast: Cast, *, now: datetime) -> None:
    registrations.demo.tell(cast, now=now)
    alerts.demo.tell(cast, now=now)


def _row(each: SignIn, width: int) -> str:
    return f"    {each.role:<10} {each.email:<{width}}  {each.name}"
