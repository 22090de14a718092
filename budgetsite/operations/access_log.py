"""gunicorn's own logs: without secrets, and in the form of the site's. `web_server` names this class."""

from typing import Any

from django.conf import settings
from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from budgetsite.operations.log_lines import JsonLine, WhereItBelongs
from budgetsite.operations.log_redaction import hide_secrets


class AccessLog(Logger):  # type: ignore[misc]  # as above
    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        logging: Any = settings.LOGGING
        if logging["handlers"]["console"]["formatter"] == "json":
            for handler in self.error_log.handlers:
                handler.setFormatter(JsonLine())
                handler.addFilter(WhereItBelongs())

    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        return {name: hide_secrets(atom) if isinstance(atom, str) else atom for name, atom in found.items()}
