"""Gunicorn's access log without secrets: `--logger-class budgetsite.operations.access_log.AccessLog`."""

from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from budgetsite.operations.log_redaction import hide_secrets


class AccessLog(Logger):  # type: ignore[misc]  # as above
    def atoms(self, resp: Any, req: Any, environ: Any, request_time: Any) -> dict[str, Any]:
        found: dict[str, Any] = super().atoms(resp, req, environ, request_time)
        return {name: hide_secrets(atom) if isinstance(atom, str) else atom for name, atom in found.items()}
