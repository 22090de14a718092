"""Who may scrape: the one who sends the token."""

import hmac

from django.conf import settings

REALM = 'Bearer realm="Budgetsite metrics"'


def has_token(authorization: str) -> bool:
    """Whether a header holds METRICS_TOKEN, compared in a time that tells nothing. Without one nobody has it."""
    keyword, _, token = authorization.partition(" ")
    same = hmac.compare_digest(token.strip().encode(), settings.METRICS_TOKEN.encode())
    return bool(settings.METRICS_TOKEN) and keyword.lower() == "bearer" and same
