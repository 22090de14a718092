"""Tokens of an outside issuer, whose keys a real HTTP server on this machine publishes."""

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from django.core.checks import Error
from django.test import Client
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from budgetsite.accounts import outside_issuer
from budgetsite.accounts.checks import check_outside_issuer
from budgetsite.accounts.models import Account, Membership, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.tenancy.deletion import soft_delete

ME = "/api/v1/me"
ISSUER, AUDIENCE = "https://id.example.org/", "budgetsite-api"
NOT_VALID = "This token is not valid or has expired. Sign in again."

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
EC_KEY = ec.generate_private_key(ec.SECP256R1())


@dataclass
class Issuer:
    """Publishes keys and counts how often they are asked for."""

    keys: list[dict[str, Any]] = field(default_factory=list)
    fetches: int = 0
    status: int = 200
    body: bytes | None = None
    url: str = ""

    def publish(self, kid: str, key: Any) -> None:
        algorithm: Any = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else ECAlgorithm
        self.keys.append(algorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": kid, "use": "sig"})


@pytest.fixture
def issuer(settings: Any) -> Iterator[Issuer]:
    made = Issuer()
    made.publish("rsa-1", RSA_KEY)
    made.publish("ec-1", EC_KEY)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.fetches += 1
            self.send_response(made.status)
            self.end_headers()
            self.wfile.write(made.body or json.dumps({"keys": made.keys}).encode())

        def log_message(self, *args: Any) -> None:
            """Keep the test's output free of requests."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}/jwks"
    settings.JWT_JWKS_URL, settings.JWT_ISSUER, settings.JWT_AUDIENCE = made.url, ISSUER, AUDIENCE
    outside_issuer.forget_keys()
    yield made
    server.shutdown()
    thread.join()
    server.server_close()
    outside_issuer.forget_keys()


def claims(user: User, **others: Any) -> dict[str, Any]:
    return {
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "someone",
        "exp": datetime.now(UTC) + timedelta(minutes=5),
        "email": user.email,
        "email_verified": True,
        **others,
    }


def token(content: dict[str, Any], *, key: Any = RSA_KEY, kid: str | None = "rsa-1", algorithm: str = "RS256") -> str:
    return jwt.encode(content, key, algorithm=algorithm, headers={"kid": kid} if kid else None)


def me(sent: str) -> Any:
    # An answer of 503 is an answer here, not a failure of the test.
    return Client(raise_request_exception=False).get(ME, headers={"Authorization": f"Bearer {sent}"})


def assert_refused(sent: str, detail: str = NOT_VALID) -> None:
    response = me(sent)
    assert response.status_code == 401
    assert [error["detail"] for error in response.json()["errors"]] == [detail]
    assert response["WWW-Authenticate"] == 'Bearer realm="Budgetsite"'


def test_person_with_one_account_gets_there(issuer: Issuer, account: Account, staff: User) -> None:
    answer = me(token(claims(staff)))

    assert answer.status_code == 200
    assert (answer.json()["user"]["id"], answer.json()["account"]["id"]) == (str(staff.pk), str(account.pk))
    assert answer.json()["role"] == "staff"


def test_elliptic_key_and_other_spelling_of_the_address_are_taken(
    issuer: Issuer, account: Account, staff: User
) -> None:
    sent = claims(staff, email=staff.email.upper(), email_verified="true")

    assert me(token(sent, key=EC_KEY, kid="ec-1", algorithm="ES256")).json()["user"]["id"] == str(staff.pk)


def test_tenant_claim_chooses_the_account(
    issuer: Issuer, account: Account, other_account: Account, staff: User
) -> None:
    add_member(account=other_account, email=staff.email, role=Role.CLIENT)

    answer = me(token(claims(staff, tenant_id=str(other_account.pk)))).json()

    assert (answer["account"]["id"], answer["role"]) == (str(other_account.pk), "client")
    assert_refused(
        token(claims(staff)), "You belong to several accounts: ask for a token that names one as its tenant_id."
    )


def test_tenant_claim_opens_no_strangers_account(
    issuer: Issuer, account: Account, other_account: Account, staff: User
) -> None:
    assert_refused(
        token(claims(staff, tenant_id=str(other_account.pk), role="owner")),
        "You don't belong to this account any more. Sign in again and choose another account.",
    )
    assert_refused(token(claims(staff, tenant_id="'; --")), "This token's tenant_id is not an account's id.")


def test_removed_member_is_refused(issuer: Issuer, account: Account, staff: User) -> None:
    soft_delete(Membership.objects.get(user=staff), now=datetime.now(UTC))

    assert_refused(token(claims(staff)), "You don't belong to any account yet. Ask an account's owner to add you.")


def test_unknown_or_inactive_person_is_refused(issuer: Issuer, account: Account, staff: User) -> None:
    assert_refused(token(claims(staff, email="nobody@example.org")), "Nobody here has this token's e-mail address.")
    User.objects.filter(pk=staff.pk).update(is_active=False)
    assert_refused(token(claims(staff)), "Nobody here has this token's e-mail address.")


@pytest.mark.parametrize("wrong", [{"email_verified": False}, {"email_verified": None}, {"email": None}, {"email": 7}])
def test_unverified_address_is_refused(issuer: Issuer, account: Account, staff: User, wrong: dict[str, Any]) -> None:
    assert_refused(token(claims(staff, **wrong)), "This token does not carry a verified e-mail address.")


@pytest.mark.parametrize(
    "wrong",
    [
        {"exp": datetime(2020, 1, 1, tzinfo=UTC)},
        {"nbf": datetime(2999, 1, 1, tzinfo=UTC)},
        {"iss": "https://evil.example.org/"},
        {"iss": None},
        {"aud": "another-site"},
        {"aud": []},
    ],
)
def test_expired_token_or_wrong_issuer_or_audience_is_refused(
    issuer: Issuer, account: Account, staff: User, wrong: dict[str, Any]
) -> None:
    content = {name: value for name, value in claims(staff, **wrong).items() if value is not None}

    assert_refused(token(content))


@pytest.mark.parametrize("missing", ["exp", "iss", "aud"])
def test_token_lacking_a_claim_is_refused(issuer: Issuer, account: Account, staff: User, missing: str) -> None:
    content = claims(staff)
    del content[missing]

    assert_refused(token(content))


def test_key_of_somebody_else_is_refused(issuer: Issuer, account: Account, staff: User) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    assert_refused(token(claims(staff), key=stranger))
    assert_refused(token(claims(staff), kid=None))


def test_public_key_as_a_shared_secret_is_refused(issuer: Issuer, account: Account, staff: User) -> None:
    public = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    # PyJWT refuses to make such a token, so it is made by hand.
    header, payload, _ = jwt.encode(claims(staff), "x" * 64, algorithm="HS256", headers={"kid": "rsa-1"}).split(".")
    algorithm = jwt.get_algorithm_by_name("HS256")
    signature = jwt.utils.base64url_encode(algorithm.sign(f"{header}.{payload}".encode(), public)).decode()

    assert_refused(f"{header}.{payload}.{signature}")


def test_unsigned_token_is_refused(issuer: Issuer, account: Account, staff: User) -> None:
    assert_refused(jwt.encode(claims(staff), None, algorithm="none", headers={"kid": "rsa-1"}))


@pytest.mark.parametrize("algorithm", ["RS384", "RS512", "PS256"])
def test_other_algorithms_are_refused(issuer: Issuer, account: Account, staff: User, algorithm: str) -> None:
    assert_refused(token(claims(staff), algorithm=algorithm))


def test_algorithm_that_is_not_the_keys_is_refused(issuer: Issuer, account: Account, staff: User) -> None:
    assert_refused(token(claims(staff), key=EC_KEY, kid="rsa-1", algorithm="ES256"))


def test_keys_are_fetched_once(issuer: Issuer, account: Account, staff: User) -> None:
    for _ in range(5):
        assert me(token(claims(staff))).status_code == 200

    assert issuer.fetches == 1


def test_unknown_key_is_asked_for_at_most_once_a_minute(
    issuer: Issuer, account: Account, staff: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    sent = token(claims(staff), key=new, kid="rsa-2")
    assert me(token(claims(staff))).status_code == 200
    issuer.publish("rsa-2", new)
    for _ in range(10):
        assert_refused(sent)
    assert issuer.fetches == 1

    later = outside_issuer.time.monotonic() + 61
    monkeypatch.setattr("time.monotonic", lambda: later)

    assert me(sent).status_code == 200
    assert_refused(token(claims(staff), key=new, kid="rsa-3"))
    assert issuer.fetches == 2


@pytest.mark.parametrize(
    ("status", "body"),
    [(500, None), (404, None), (302, None), (200, b"<html>"), (200, b"[]"), (200, b"{}"), (200, b'{"keys": []}')],
)
def test_keys_that_cannot_be_read_are_503(
    issuer: Issuer, account: Account, staff: User, status: int, body: bytes | None
) -> None:
    issuer.status, issuer.body = status, body

    response = me(token(claims(staff)))

    assert response.status_code == 503
    assert response["Retry-After"] == "5"
    assert response.json()["type"] == "server_error"
    assert response.json()["errors"][0]["code"] == "service_unavailable"


def test_issuer_away_is_503_and_is_not_asked_again_at_once(issuer: Issuer, account: Account, staff: User) -> None:
    issuer.status = 500
    assert [me(token(claims(staff))).status_code for _ in range(4)] == [503] * 4
    assert issuer.fetches == 1


def test_unreachable_issuer_is_503(issuer: Issuer, account: Account, staff: User, settings: Any) -> None:
    settings.JWT_JWKS_URL = "http://127.0.0.1:1/jwks"

    assert me(token(claims(staff))).status_code == 503


def test_held_keys_outlast_an_outage(issuer: Issuer, account: Account, staff: User) -> None:
    assert me(token(claims(staff))).status_code == 200
    issuer.status = 500

    assert me(token(claims(staff))).status_code == 200


def test_without_the_setting_no_outside_token_is_taken(
    issuer: Issuer, account: Account, staff: User, settings: Any
) -> None:
    settings.JWT_JWKS_URL = ""

    assert_refused(token(claims(staff)))
    assert issuer.fetches == 0


def test_own_tokens_go_on_beside_an_outside_issuer(issuer: Issuer, account: Account, staff: User) -> None:
    from budgetsite.accounts.sign_in import Standing
    from budgetsite.accounts.tokens import issue_access_token

    issuer.status = 500
    assert me(issue_access_token(Standing(staff, account, Role.STAFF))).status_code == 200
    assert issuer.fetches == 0


def test_start_is_refused_without_issuer_or_audience(settings: Any) -> None:
    settings.JWT_JWKS_URL, settings.JWT_ISSUER, settings.JWT_AUDIENCE = "https://id.example.org/jwks", "", ""
    found = check_outside_issuer()
    assert [type(problem) for problem in found] == [Error, Error]
    assert {problem.id for problem in found} == {"accounts.E001"}

    settings.JWT_ISSUER, settings.JWT_AUDIENCE = ISSUER, AUDIENCE
    assert check_outside_issuer() == []
    settings.JWT_JWKS_URL = "file:///etc/keys"
    assert [problem.id for problem in check_outside_issuer()] == ["accounts.E002"]
