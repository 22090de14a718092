"""Access tokens of an outside issuer (settings `JWT_…`), checked with the keys that it publishes."""

import http.client
import logging
import time
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from uuid import UUID

import jwt
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from budgetsite.accounts.tokens import InvalidToken

logger = logging.getLogger(__name__)

# Signatures by a key pair alone: with HS256 the issuer's public key would be a secret that everybody knows.
ALGORITHMS = ("RS256", "ES256")
_FETCH_TIMEOUT_SECONDS = 3
_KEYS_LAST_SECONDS = 10 * 60
_UNKNOWN_KEY_WAITS_SECONDS = 60
_FAILURE_WAITS_SECONDS = 5
# Clocks of two organisations are never quite the same.
_LEEWAY_SECONDS = 30


class IssuerUnavailable(RuntimeError):
    """The issuer's keys can't be had just now, so that its tokens can be neither trusted nor refused."""

    retry_after_seconds = _FAILURE_WAITS_SECONDS

    def __init__(self) -> None:
        super().__init__("The sign-in service can't be reached just now. Please try again in a few seconds.")


@dataclass(frozen=True, slots=True)
class OutsideClaims:
    email: str
    tenant_id: UUID | None


class _KeySet(jwt.PyJWKClient):
    """The issuer's keys, kept for ten minutes; a key id not among them asks again, at most once a minute.

    A failed fetch is not repeated at once: each request that came meanwhile would hold a thread till its end.
    """

    def __init__(self, url: str) -> None:
        super().__init__(
            url,
            lifespan=_KEYS_LAST_SECONDS,
            timeout=_FETCH_TIMEOUT_SECONDS,
            cooldown_duration=_UNKNOWN_KEY_WAITS_SECONDS,
        )
        self._failed_at: float | None = None

    def fetch_data(self) -> Any:
        if self._failed_at is not None and time.monotonic() - self._failed_at < _FAILURE_WAITS_SECONDS:
            raise IssuerUnavailable
        try:
            data = super().fetch_data()
        except (
            jwt.PyJWKClientError,
            jwt.PyJWKSetError,
            http.client.HTTPException,
            OSError,
            ValueError,
        ) as error:
            self._failed_at = time.monotonic()
            logger.warning("the outside issuer's keys can't be read: %s", type(error).__name__)
            raise IssuerUnavailable from error
        self._failed_at = None
        return data


@lru_cache(maxsize=4)
def _key_set(url: str) -> _KeySet:
    return _KeySet(url)


def forget_keys() -> None:
    """Drop all keys held in this process; the next token fetches them."""
    _key_set.cache_clear()


def is_from_outside(token: str) -> bool:
    """Whether `token` says that an outside issuer signed it, and we take such tokens. Proves nothing yet."""
    if not settings.JWT_JWKS_URL:
        return False
    try:
        return jwt.get_unverified_header(token).get("alg") in ALGORITHMS
    except jwt.InvalidTokenError:
        return False


def read_outside_token(token: str) -> OutsideClaims:
    """Return the person's verified e-mail address and the account named, if one is.

    Raises `InvalidToken`, and `IssuerUnavailable` when the keys can't be fetched.
    """
    if not (settings.JWT_ISSUER and settings.JWT_AUDIENCE):
        raise ImproperlyConfigured("JWT_JWKS_URL needs JWT_ISSUER and JWT_AUDIENCE beside it.")
    try:
        key = _key_set(settings.JWT_JWKS_URL).get_signing_key_from_jwt(token)
        payload = jwt.decode(
            token,
            key,
            algorithms=list(ALGORITHMS),
            issuer=settings.JWT_ISSUER,
            audience=settings.JWT_AUDIENCE,
            leeway=_LEEWAY_SECONDS,
            options={"require": ["exp", "iss", "aud"]},
        )
    except jwt.PyJWTError as error:
        raise InvalidToken from error
    return _claims(payload)


def _claims(payload: dict[str, Any]) -> OutsideClaims:
    email = payload.get("email")
    # Some issuers write the boolean as text.
    if not isinstance(email, str) or payload.get("email_verified") not in (True, "true"):
        raise InvalidToken("This token does not carry a verified e-mail address.")
    named = payload.get("tenant_id")
    try:
        return OutsideClaims(email.strip().lower(), UUID(named) if named is not None else None)
    except (ValueError, AttributeError, TypeError) as error:
        raise InvalidToken("This token's tenant_id is not an account's id.") from error
