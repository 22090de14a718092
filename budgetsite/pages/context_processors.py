from typing import Any

from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Who is here and in which account; what the shell of every page shows."""
    return {"account": getattr(request, "account", None), "role": getattr(request, "role", None)}
