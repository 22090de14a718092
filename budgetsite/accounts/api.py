"""Getting tokens, and who the asker is (`/auth/token`, `/auth/refresh`, `/me`)."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import exceptions, permissions, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from budgetsite.accounts.models import Account, User
from budgetsite.accounts.permissions import permissions_of
from budgetsite.accounts.roles import Role
from budgetsite.accounts.sign_in import (
    AccountNeeded,
    LockedOut,
    NotAMember,
    WrongPassword,
    current_standing,
    sign_in_without_session,
)
from budgetsite.accounts.tokens import InvalidToken, issue_access_token, issue_refresh_token, read_refresh_token
from budgetsite.api.authentication import AUTHENTICATE_HEADER, NO_MEMBERSHIP
from budgetsite.api.errors import field_refusal, translate_problems
from budgetsite.api.machines import api_key_of
from budgetsite.api.throttling import SignInThrottle


class TooManyFailures(exceptions.APIException):
    status_code = 429
    default_code = "locked_out"

    def __init__(self, locked: LockedOut) -> None:
        super().__init__(str(locked))
        self.wait = locked.seconds


def _unauthorized(detail: str, code: str) -> exceptions.AuthenticationFailed:
    refusal = exceptions.AuthenticationFailed(detail, code)
    refusal.auth_header = AUTHENTICATE_HEADER  # type: ignore[attr-defined]
    return refusal


translate_problems(
    {
        WrongPassword: lambda error, view: _unauthorized(str(error), "wrong_password"),
        LockedOut: lambda error, view: TooManyFailures(error),
        AccountNeeded: lambda error, view: field_refusal("account", "account_needed", str(error)),
        NotAMember: lambda error, view: exceptions.PermissionDenied(str(error), "not_a_member"),
        InvalidToken: lambda error, view: _unauthorized(str(error), "invalid_token"),
    }
)


class TokenRequest(serializers.Serializer):
    username = serializers.CharField(max_length=254, help_text="The e-mail address.")
    password = serializers.CharField(max_length=1000, trim_whitespace=False)
    account = serializers.CharField(
        max_length=63,
        required=False,
        allow_null=True,
        allow_blank=True,
        help_text="An account's slug or id; needed by who belongs to several.",
    )


class RefreshRequest(serializers.Serializer):
    refresh = serializers.CharField(max_length=4096)


class AccountAnswer(serializers.ModelSerializer):
    class Meta:
        model = Account
        fields = ("id", "slug", "name", "currency", "timezone")


class UserAnswer(serializers.ModelSerializer):
    class Meta:
        model = User
        fields = ("id", "email", "name")


class TokenAnswer(serializers.Serializer):
    access = serializers.CharField()
    refresh = serializers.CharField()
    account = AccountAnswer()
    role = serializers.ChoiceField(choices=Role.choices)


class RefreshAnswer(serializers.Serializer):
    access = serializers.CharField()
    refresh = serializers.CharField(help_text="The one that was sent; it lasts as long as before.")


class MachineAnswer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    actions = serializers.ListField(child=serializers.CharField())
    budget_ids = serializers.ListField(
        child=serializers.UUIDField(), help_text="The budgets that it reaches, with what lies below them; none: all."
    )
    expires_at = serializers.DateTimeField(allow_null=True)


class MeAnswer(serializers.Serializer):
    user = UserAnswer(allow_null=True, help_text="Null for a machine.")
    api_key = MachineAnswer(required=False, help_text="Only for a machine.")
    account = AccountAnswer(allow_null=True)
    role = serializers.ChoiceField(choices=Role.choices, allow_null=True)
    permissions = serializers.ListField(child=serializers.CharField())


class SignInView(APIView):
    """Whoever calls isn't signed in yet: limited by address."""

    authentication_classes = ()
    permission_classes = (permissions.AllowAny,)
    throttle_classes = (SignInThrottle,)


class TokenView(SignInView):
    # A failed attempt is counted although it is answered with an error.
    keeps_writes_on_error = True

    @extend_schema(operation_id="auth_token", summary="Sign in for tokens", request=TokenRequest, responses=TokenAnswer)
    def post(self, request: Request) -> Response:
        asked = TokenRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        given = asked.validated_data
        standing = sign_in_without_session(
            request._request,
            username=given["username"],
            password=given["password"],
            wanted=given.get("account"),
        )
        answer = {
            "access": issue_access_token(standing),
            "refresh": issue_refresh_token(standing),
            "account": standing.account,
            "role": standing.role,
        }
        return Response(TokenAnswer(answer).data)


class RefreshView(SignInView):
    @extend_schema(
        operation_id="auth_refresh",
        summary="Get the next access token",
        request=RefreshRequest,
        responses=RefreshAnswer,
    )
    def post(self, request: Request) -> Response:
        asked = RefreshRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        refresh = asked.validated_data["refresh"]
        claims = read_refresh_token(refresh)
        standing = current_standing(user_id=claims.user_id, tenant_id=claims.tenant_id)
        if standing is None:
            raise InvalidToken(NO_MEMBERSHIP)
        claims.require_current_password(standing.user)
        return Response(RefreshAnswer({"access": issue_access_token(standing), "refresh": refresh}).data)


class MeView(APIView):
    """Anybody who is signed in; with no account chosen yet, `account` and `role` are null.

    A machine is answered with its key, and not with the person who is responsible for it.
    """

    permission_classes = (permissions.IsAuthenticated,)

    @extend_schema(operation_id="me", summary="Who is asking", responses=MeAnswer)
    def get(self, request: Request) -> Response:
        django_request: Any = request._request
        key = api_key_of(request)
        answer = {
            "user": request.user if key is None else None,
            "account": django_request.account,
            "role": django_request.role,
            "permissions": permissions_of(django_request.role) if key is None else key.actions,
        }
        if key is not None:
            answer["api_key"] = key
        return Response(MeAnswer(answer).data)
