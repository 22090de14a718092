"""Our own access and refresh tokens: what they say about a person, and how long it stays true.

A token names the person (`user_id`), the account (`tenant_id`) and, for its reader's convenience, the role.
Nothing is granted on its word: each request looks the membership up again.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.crypto import constant_time_compare
from rest_framework_simplejwt.exceptions import TokenError
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from budgetsite.accounts.models import User
from budgetsite.accounts.sign_in import Standing

TENANT_CLAIM = "tenant_id"
ROLE_CLAIM = "role"
# Changes with the password, so that a new password ends every token given under the old one.
PASSWORD_CLAIM = "pwd"  # noqa: S105  (the claim's name)
_USER_CLAIM = "user_id"


class InvalidToken(ValueError):
    """The token is forged, expired, of the wrong kind, or given under a password that has been changed."""

    def __init__(self, reason: str = "This token is not valid or has expired. Sign in again.") -> None:
        super().__init__(reason)


@dataclass(frozen=True, slots=True)
class Claims:
    user_id: UUID
    tenant_id: UUID
    password_mark: str

    def require_current_password(self, user: User) -> None:
        """Raise `InvalidToken` when the person's password has changed since the token was given."""
        if not constant_time_compare(self.password_mark, _password_mark(user)):
            raise InvalidToken("The password was changed after this token was given. Sign in again.")


def issue_refresh_token(standing: Standing) -> str:
    """Return a new refresh token, signed, for a person in an account."""
    return str(_fill(RefreshToken(), standing))


def issue_access_token(standing: Standing) -> str:
    """Return a new access token, signed, for a person in an account."""
    return str(_fill(AccessToken(), standing))


def _fill(token: Any, standing: Standing) -> Any:
    token[_USER_CLAIM] = str(standing.user.pk)
    token[TENANT_CLAIM] = str(standing.account.pk)
    token[ROLE_CLAIM] = standing.role.value
    token[PASSWORD_CLAIM] = _password_mark(standing.user)
    return token


def read_access_token(token: str) -> Claims:
    """Return what a valid access token claims. Raises `InvalidToken`."""
    return _read(AccessToken, token)


def read_refresh_token(token: str) -> Claims:
    """Return what a valid refresh token claims. Raises `InvalidToken`, for an access token too."""
    return _read(RefreshToken, token)


def _read(kind: Any, token: str) -> Claims:
    try:
        payload = kind(token).payload
        return Claims(
            user_id=UUID(payload[_USER_CLAIM]),
            tenant_id=UUID(payload[TENANT_CLAIM]),
            password_mark=str(payload[PASSWORD_CLAIM]),
        )
    except (TokenError, KeyError, ValueError, TypeError, AttributeError) as error:
        raise InvalidToken from error


def _password_mark(user: User) -> str:
    return user.get_session_auth_hash()[:32]
