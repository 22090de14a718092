"""Our own tokens and the pages' session at the REST API's door."""

import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import jwt
import pytest
from django.conf import settings as django_settings
from django.db import connection
from django.middleware.csrf import _get_new_csrf_string
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import path
from rest_framework.permissions import IsAuthenticated
from rest_framework.response import Response
from rest_framework.views import APIView

from budgetsite import urls as site_urls
from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.permissions import permissions_of
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.accounts.sign_in import Standing
from budgetsite.accounts.tokens import issue_access_token, issue_refresh_token
from budgetsite.tenancy.deletion import soft_delete
from budgetsite.testing.people import sign_in

ME = "/api/v1/me"


class Echo(APIView):
    """Something to write to, for whoever is signed in."""

    permission_classes = (IsAuthenticated,)

    def post(self, request: Any) -> Response:
        return Response({"role": request.role})


urlpatterns = [path("api/v1/echo", Echo.as_view()), *site_urls.urlpatterns]


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def me(token: str) -> Any:
    return Client().get(ME, headers=bearer(token))


def access(user: User, account: Account, role: Role = Role.STAFF) -> str:
    return issue_access_token(Standing(user, account, role))


def claims_of(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def signed(claims: dict[str, Any], *, key: str | None = None, algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key or django_settings.SIMPLE_JWT["SIGNING_KEY"], algorithm=algorithm)


def assert_refused(response: Any, detail: str) -> None:
    assert response.status_code == 401
    assert response.json()["type"] == "client_error"
    assert [(error["detail"], error["attr"]) for error in response.json()["errors"]] == [(detail, None)]
    assert response["WWW-Authenticate"] == 'Bearer realm="Budgetsite"'


NOT_VALID = "This token is not valid or has expired. Sign in again."
NOT_A_MEMBER = "You don't belong to this account any more. Sign in again and choose another account."


def test_token_places_its_person_in_the_account(account: Account, staff: User) -> None:
    response = me(access(staff, account))

    assert response.status_code == 200
    assert response.json() == {
        "user": {"id": str(staff.pk), "email": staff.email, "name": "The staff"},
        "account": {
            "id": str(account.pk),
            "slug": account.slug,
            "name": "Sunrise Catering",
            "currency": "CAD",
            "timezone": "America/Toronto",
        },
        "role": "staff",
        "permissions": permissions_of(Role.STAFF),
    }


def test_token_carries_person_account_and_role(account: Account, staff: User) -> None:
    claims = claims_of(access(staff, account))

    assert claims["user_id"] == str(staff.pk)
    assert claims["tenant_id"] == str(account.pk)
    assert claims["role"] == "staff"
    assert claims["iss"] == "budgetsite"


def test_token_costs_one_look_at_the_membership(account: Account, staff: User) -> None:
    token = access(staff, account)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert me(token).status_code == 200

    tables = [query["sql"] for query in queries if "accounts_membership" in query["sql"]]
    assert len(tables) == 1
    others = [
        query["sql"]
        for query in queries
        if "accounts_membership" not in query["sql"] and not query["sql"].startswith(("SAVEPOINT", "RELEASE"))
    ]
    assert all("set_config" in sql for sql in others)
    assert len(others) <= 2


def test_request_without_a_token_is_401(account: Account) -> None:
    assert_refused(Client().get(ME), "Authentication credentials were not provided.")


def test_expired_token_is_refused(account: Account, staff: User) -> None:
    claims = claims_of(access(staff, account)) | {"exp": datetime.now(UTC) - timedelta(seconds=1)}

    assert_refused(me(signed(claims)), NOT_VALID)


def test_token_without_expiry_is_refused(account: Account, staff: User) -> None:
    claims = claims_of(access(staff, account))
    del claims["exp"]

    assert_refused(me(signed(claims)), NOT_VALID)


def test_token_signed_with_another_key_is_refused(account: Account, staff: User) -> None:
    assert_refused(me(signed(claims_of(access(staff, account)), key="another key " * 4)), NOT_VALID)


def test_token_of_another_algorithm_is_refused(account: Account, staff: User) -> None:
    assert_refused(me(signed(claims_of(access(staff, account)), algorithm="HS512", key="x" * 64)), NOT_VALID)
    key = django_settings.SIMPLE_JWT["SIGNING_KEY"] + "x" * 64
    assert_refused(me(signed(claims_of(access(staff, account)), algorithm="HS512", key=key)), NOT_VALID)


def test_token_of_another_issuer_is_refused(account: Account, staff: User) -> None:
    claims = claims_of(access(staff, account)) | {"iss": "somebody-else"}

    assert_refused(me(signed(claims)), NOT_VALID)


def _part(content: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()


def test_unsigned_token_is_refused(account: Account, staff: User) -> None:
    claims = _part(claims_of(access(staff, account)))

    for algorithm in ("none", "None", "NONE"):
        assert_refused(me(f"{_part({'alg': algorithm, 'typ': 'JWT'})}.{claims}."), NOT_VALID)


def test_token_with_the_tenant_swapped_is_refused(account: Account, other_account: Account, staff: User) -> None:
    header, claims, signature = access(staff, account).split(".")
    swapped = json.loads(base64.urlsafe_b64decode(claims + "==")) | {"tenant_id": str(other_account.pk)}

    assert_refused(me(f"{header}.{_part(swapped)}.{signature}"), NOT_VALID)


def test_well_signed_token_for_an_account_without_membership_is_refused(
    account: Account, other_account: Account, staff: User
) -> None:
    assert_refused(me(access(staff, other_account, Role.OWNER)), NOT_A_MEMBER)


def test_refresh_token_opens_no_door(account: Account, staff: User) -> None:
    assert_refused(me(issue_refresh_token(Standing(staff, account, Role.STAFF))), NOT_VALID)


@pytest.mark.parametrize("field", ["user_id", "tenant_id", "pwd"])
def test_token_lacking_a_claim_is_refused(account: Account, staff: User, field: str) -> None:
    claims = claims_of(access(staff, account))
    del claims[field]
    assert_refused(me(signed(claims)), NOT_VALID)
    claims[field] = ["x"]
    assert me(signed(claims)).status_code == 401


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        ("Bearer", "Send the header as “Authorization: Bearer <token>”."),
        ("Bearer one two", "Send the header as “Authorization: Bearer <token>”."),
        ("Bearer nonsense", NOT_VALID),
        ("Bearer a.b.c", NOT_VALID),
        ("Bearer ñandú", NOT_VALID),
    ],
)
def test_malformed_header_is_refused(account: Account, header: str, detail: str) -> None:
    assert_refused(Client().get(ME, headers={"Authorization": header}), detail)


def test_removed_member_loses_the_account_at_once(account: Account, staff: User) -> None:
    token = access(staff, account)
    assert me(token).status_code == 200

    soft_delete(Membership.objects.get(user=staff), now=datetime.now(UTC))

    assert_refused(me(token), NOT_A_MEMBER)


def test_inactive_person_loses_the_account_at_once(account: Account, staff: User) -> None:
    token = access(staff, account)
    User.objects.filter(pk=staff.pk).update(is_active=False)

    assert_refused(me(token), NOT_A_MEMBER)


def test_demoted_member_has_the_new_role_at_once(account: Account, manager: User) -> None:
    token = access(manager, account, Role.MANAGER)
    Membership.objects.filter(user=manager).update(role=Role.ATTENDEE)

    response = me(token)

    assert response.json()["role"] == "attendee"
    assert response.json()["permissions"] == permissions_of(Role.ATTENDEE)


def test_token_given_under_an_old_password_is_refused(account: Account, staff: User) -> None:
    token = access(staff, account)
    staff.set_password("a brand new password")
    staff.save()

    assert_refused(me(token), "The password was changed after this token was given. Sign in again.")


def test_token_counts_more_than_the_session(account: Account, other_account: Account, staff: User) -> None:
    add_member(account=other_account, email=staff.email, role=Role.CLIENT)
    client = sign_in(staff, account)

    answer = client.get(ME, headers=bearer(access(staff, other_account, Role.CLIENT))).json()

    assert (answer["account"]["slug"], answer["role"]) == (other_account.slug, "client")


def test_session_serves_the_api(account: Account, member_client: Callable[[Role], Client]) -> None:
    answer = member_client(Role.ORGANIZER).get(ME).json()

    assert (answer["account"]["id"], answer["role"]) == (str(account.pk), "organizer")


def test_session_without_an_account_is_told_so(account: Account, other_account: Account, staff: User) -> None:
    add_member(account=other_account, email=staff.email, role=Role.CLIENT)
    client = Client()
    client.force_login(staff, backend="django.contrib.auth.backends.ModelBackend")

    answer = client.get(ME).json()

    assert answer["user"]["email"] == staff.email
    assert (answer["account"], answer["role"], answer["permissions"]) == (None, None, [])


@pytest.mark.urls(__name__)
def test_session_writes_need_the_csrf_token(account: Account, organizer: User) -> None:
    client = sign_in(organizer, account, Client(enforce_csrf_checks=True))
    body = json.dumps({"name": "Town hall"})

    refused = client.post("/api/v1/echo", body, content_type="application/json")

    assert refused.status_code == 403
    assert [error["code"] for error in refused.json()["errors"]] == ["csrf_failed"]

    secret = _get_new_csrf_string()
    client.cookies["csrftoken"] = secret
    accepted = client.post("/api/v1/echo", body, content_type="application/json", headers={"X-CSRFToken": secret})
    assert accepted.json() == {"role": "organizer"}


@pytest.mark.urls(__name__)
def test_token_writes_need_no_csrf_token(account: Account, organizer: User) -> None:
    client = Client(enforce_csrf_checks=True)

    response = client.post(
        "/api/v1/echo",
        json.dumps({"name": "Town hall"}),
        content_type="application/json",
        headers=bearer(access(organizer, account, Role.ORGANIZER)),
    )

    assert response.json() == {"role": "organizer"}


def test_superuser_acts_in_any_account_as_its_owner(committed_db: None, account: Account) -> None:
    superuser = User.objects.create_superuser("root@example.org", "correct horse battery")

    answer = me(access(superuser, account, Role.OWNER)).json()

    assert (answer["account"]["id"], answer["role"]) == (str(account.pk), "owner")
    claims = claims_of(access(superuser, account)) | {"tenant_id": str(uuid4())}
    assert_refused(me(signed(claims)), NOT_A_MEMBER)


def test_answers_are_kept_by_no_cache(account: Account, staff: User) -> None:
    assert me(access(staff, account))["Cache-Control"] == "private, no-store"
    assert Client().get(ME)["Cache-Control"] == "private, no-store"
