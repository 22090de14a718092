#!/usr/bin/env python
"""Django's commands, with the local settings unless DJANGO_SETTINGS_MODULE names others."""

import os
import sys


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "budgetsite.settings.local")
    # The local settings complete the environment, so what the caller gave has to be noted first.
    given = dict(os.environ)

    from django.core.management import execute_from_command_line
    from django.db.utils import OperationalError

    try:
        execute_from_command_line(sys.argv)
    except OperationalError:
        problem = why_unreachable(given)
        if problem is None:
            raise
        print(problem, file=sys.stderr)
        return 1
    return 0


def why_unreachable(given: dict[str, str]) -> Exception | None:
    """Return what to tell about a failed connection when the local servers do not run; otherwise None."""
    if given["DJANGO_SETTINGS_MODULE"] != "budgetsite.settings.local":
        return None
    from budgetsite.local.discovery import explain_unreachable_database
    from budgetsite.local.folder import data_folder_path

    return explain_unreachable_database(given, data_folder_path(given))


if __name__ == "__main__":
    sys.exit(main())
