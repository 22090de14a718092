"""`manage.py check --database default` and the start of every web process and worker ask whether tenants are apart."""

import logging
from collections.abc import Sequence
from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError, connections

from budgetsite.tenancy.isolation import isolation_problems

logger = logging.getLogger(__name__)


@register(Tags.database)
def check_isolation(databases: Sequence[str] | None = None, **kwargs: Any) -> list[CheckMessage]:
    if not databases or "default" not in databases:
        return []
    return [Error(problem, id="tenancy.E001") for problem in isolation_problems(connections["default"])]


def refuse_unsafe_database() -> None:
    """Raise `ImproperlyConfigured` when the database would let a request cross tenants.

    A database that can't be reached does not stop the start: requests answer 503 until it is back.
    """
    try:
        problems = isolation_problems(connections["default"])
    except OperationalError as error:
        logger.warning("tenant isolation not checked, the database can't be reached: %s", error)
        return
    finally:
        connections["default"].close()
    if problems:
        raise ImproperlyConfigured("\n".join(["The database does not keep tenants apart.", *problems]))
