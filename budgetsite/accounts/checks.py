"""At start-up: settings of signing in that would let nobody in, or anybody."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.exceptions import ImproperlyConfigured

from budgetsite.api.throttling import parse_rate


@register(Tags.security)
def check_outside_issuer(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """An issuer's keys alone would also vouch for tokens that it made for another site."""
    if not settings.JWT_JWKS_URL:
        return []
    problems: list[CheckMessage] = [
        Error(f"JWT_JWKS_URL is set without {name}.", hint=f"Set {name} too, or none.", id="accounts.E001")
        for name in ("JWT_ISSUER", "JWT_AUDIENCE")
        if not getattr(settings, name)
    ]
    if not settings.JWT_JWKS_URL.startswith(("https://", "http://")):
        problems.append(Error("JWT_JWKS_URL is no web address.", hint="Give an https:// address.", id="accounts.E002"))
    return problems


@register(Tags.security)
def check_rates(app_configs: Sequence[Any] | None = None, **kwargs: Any) -> list[CheckMessage]:
    problems: list[CheckMessage] = []
    for name in ("THROTTLE_USER", "THROTTLE_API_KEY", "THROTTLE_SIGN_IN", "THROTTLE_CALENDAR", "THROTTLE_MAIL_LINK"):
        try:
            parse_rate(getattr(settings, name))
        except ImproperlyConfigured as error:
            problems.append(Error(f"{name}: {error}", id="accounts.E003"))
    return problems
