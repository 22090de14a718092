"""Signatures by Standard Webhooks (https://www.standardwebhooks.com): id, timestamp and body, by every good secret."""

import base64
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

_SECRET_BYTES = 32
SECRET_PREFIX = "whsec_"  # noqa: S105 - the beginning of one, by the specification


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signed_headers(*, message_id: str, body: str, texts: Sequence[str], now: datetime) -> dict[str, str]:
    """Return the three headers. With two secrets there are two signatures: a receiver that knows either is content."""
    moment = now.astimezone(UTC)
    return {
        "webhook-id": message_id,
        "webhook-timestamp": str(int(moment.timestamp())),
        "webhook-signature": " ".join(Webhook(text).sign(message_id, moment, body) for text in texts),
    }
