"""What another process needs in order to work on a database of this test run."""

import os
from urllib.parse import quote

from django.db import connections

_VARIABLES = {"owner": "DATABASE_URL", "default": "DATABASE_APP_URL", "service": "DATABASE_SERVICE_URL"}


def environment(database: str | None = None) -> dict[str, str]:
    """Return the environment with all three logins pointing at `database` (by default, that of this run)."""
    variables = dict(os.environ)
    for alias, variable in _VARIABLES.items():
        settings = connections[alias].settings_dict
        name = database or settings["NAME"]
        login = f"{quote(settings['USER'])}:{quote(settings['PASSWORD'], safe='')}"
        # A socket's folder takes the host's place, quoted.
        host = quote(settings["HOST"] or "localhost", safe="")
        port = f":{settings['PORT']}" if settings["PORT"] else ""
        variables[variable] = f"postgres://{login}@{host}{port}/{name}"
    return variables
