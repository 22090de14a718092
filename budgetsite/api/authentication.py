"""Who is asking the REST API: a bearer token, ours or an outside issuer's, a machine's key, or the pages' session."""

from typing import Any

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework import authentication, exceptions
from rest_framework.request import Request

from budgetsite.accounts.api_key_recognition import UnusableApiKey, recognise_api_key
from budgetsite.accounts.api_key_text import PREFIX
from budgetsite.accounts.models import User
from budgetsite.accounts.outside_issuer import IssuerUnavailable, is_from_outside, read_outside_token
from budgetsite.accounts.roles import Role
from budgetsite.accounts.selectors import membership_in, memberships_of
from budgetsite.accounts.sign_in import Standing, current_standing
from budgetsite.accounts.tokens import InvalidToken, read_access_token
from budgetsite.tenancy.scope import Scope, enter_scope

AUTHENTICATE_HEADER = 'Bearer realm="Budgetsite"'
NO_MEMBERSHIP = "You don't belong to this account any more. Sign in again and choose another account."


class SignInUnavailable(exceptions.APIException):
    """The outside issuer is away: the token can't be judged, so nobody is let in on it."""

    status_code = 503
    default_code = "service_unavailable"

    def __init__(self, away: IssuerUnavailable) -> None:
        super().__init__(str(away))
        self.wait = away.retry_after_seconds


class BearerAuthentication(authentication.BaseAuthentication):
    """Place the request in the token's account, as the role that its person has there now.

    The token's own word about the role is not taken: someone removed or demoted feels it at once. A machine sends its
    key instead; it has no role, and what it does is done on behalf of who is responsible for it.
    """

    keyword = "Bearer"

    def authenticate(self, request: Request) -> tuple[User, str] | None:
        words = authentication.get_authorization_header(request).split()
        if not words or words[0].lower() != b"bearer":
            return None
        if len(words) != 2:
            raise exceptions.AuthenticationFailed("Send the header as “Authorization: Bearer <token>”.")
        try:
            token = words[1].decode("ascii")
            if token.startswith(PREFIX):
                return _let_machine_in(request, token)
            standing = _standing_of(token)
        except IssuerUnavailable as error:
            raise SignInUnavailable(error) from error
        except UnicodeDecodeError as error:
            raise exceptions.AuthenticationFailed(str(InvalidToken())) from error
        except (InvalidToken, UnusableApiKey) as error:
            raise exceptions.AuthenticationFailed(str(error)) from error
        enter_scope(Scope(tenant_id=standing.account.pk, user_id=standing.user.pk))
        # On Django's own request, which middleware and logs see; the framework's request reads through to it.
        django_request: Any = request._request
        django_request.account, django_request.role = standing.account, standing.role
        return standing.user, token

    def authenticate_header(self, request: Request) -> str:
        return AUTHENTICATE_HEADER


def _let_machine_in(request: Request, written: str) -> tuple[User, str]:
    machine = recognise_api_key(written, now=timezone.now())
    enter_scope(Scope(tenant_id=machine.account.pk, user_id=machine.user.pk))
    django_request: Any = request._request
    django_request.account, django_request.role, django_request.api_key = machine.account, None, machine.key
    return machine.user, written


def _standing_of(token: str) -> Standing:
    if is_from_outside(token):
        return _outside_standing(token)
    claims = read_access_token(token)
    standing = current_standing(user_id=claims.user_id, tenant_id=claims.tenant_id)
    if standing is None:
        raise InvalidToken(NO_MEMBERSHIP)
    claims.require_current_password(standing.user)
    return standing


def _outside_standing(token: str) -> Standing:
    """Let a member in by their membership alone: an outside issuer makes nobody a platform superuser."""
    claims = read_outside_token(token)
    user = User.objects.filter(email=claims.email, is_active=True).first()
    if user is None:
        raise InvalidToken("Nobody here has this token's e-mail address.")
    if claims.tenant_id is not None:
        membership = membership_in(claims.tenant_id, user_id=user.pk)
        if membership is None:
            raise InvalidToken(NO_MEMBERSHIP)
        return Standing(user, membership.tenant, Role(membership.role))
    memberships = memberships_of(user)
    if not memberships:
        raise InvalidToken("You don't belong to any account yet. Ask an account's owner to add you.")
    if len(memberships) > 1:
        raise InvalidToken("You belong to several accounts: ask for a token that names one as its tenant_id.")
    return Standing(user, memberships[0].tenant, Role(memberships[0].role))


class SessionAuthentication(authentication.SessionAuthentication):
    """The pages' own calls: the session that the middleware has placed, with a CSRF token for what writes."""

    def enforce_csrf(self, request: Request) -> None:
        try:
            super().enforce_csrf(request)
        except exceptions.PermissionDenied as error:
            raise exceptions.PermissionDenied(
                "This page is out of date. Reload it and try again. (X-CSRFToken is missing or wrong.)",
                code="csrf_failed",
            ) from error


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "budgetsite.api.authentication.BearerAuthentication"
    name = "bearer"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "An access token from `POST /auth/token`, or from the outside issuer; a machine sends its"
            " API key (`bsk_…`), which may do what it lists and nothing else.",
        }


class SessionScheme(OpenApiAuthenticationExtension):
    target_class = "budgetsite.api.authentication.SessionAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: Any) -> dict[str, Any]:
        return {
            "type": "apiKey",
            "in": "cookie",
            "name": "sessionid",
            "description": "The pages' session. Calls that write also send the CSRF token as `X-CSRFToken`.",
        }
