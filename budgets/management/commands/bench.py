from dataclasses import replace
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from budgetsite.testing.benchmarks.report import EXPLANATION, table
from budgetsite.testing.benchmarks.run import FULL, QUICK, Run
from budgetsite.testing.benchmarks.scenery import OtherAccounts, refuse_other_accounts
from budgetsite.testing.benchmarks.subjects import SUBJECTS


class Command(BaseCommand):
    help = "Measure the hot paths against plain SQL that does the same. Exits 1 when a limit is missed."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--only", action="append", choices=SUBJECTS, help="Measure this alone; may be repeated.")
        parser.add_argument("--quick", action="store_true", help="Shorter turns and fewer rounds: rougher ratios.")
        parser.add_argument("--seconds", type=_positive, help=f"How long a turn lasts (by default {FULL.seconds:g}).")
        parser.add_argument(
            "--clients", type=int, choices=range(1, 41), metavar="N", help="How many post at once (32)."
        )
        parser.add_argument(
            "--force-database",
            action="store_true",
            help="Measure in a database that holds other accounts too. The benchmarks' accounts stay in it.",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["force_database"]:
            try:
                refuse_other_accounts()
            except OtherAccounts as error:
                raise CommandError(str(error)) from error
        given = {name: options[name] for name in ("seconds", "clients") if options[name] is not None}
        rows = []
        try:
            with Run(extent=replace(QUICK if options["quick"] else FULL, **given), say=self.stdout.write) as run:
                for name, measure in SUBJECTS.items():
                    if not options["only"] or name in options["only"]:
                        rows += measure(run)
        except KeyboardInterrupt as interrupt:
            raise CommandError("Stopped before everything was measured.", returncode=130) from interrupt
        self.stdout.write(f"\n{table(rows)}\n\n{EXPLANATION}")
        missed = [row.what.strip() for row in rows if row.kept is False]
        if missed:
            raise CommandError(f"Missed: {'; '.join(missed)}.")


def _positive(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= 60:
        raise ValueError("a turn lasts more than 0 and at most 60 seconds")
    return seconds
