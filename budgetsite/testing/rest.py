"""Calling the REST API in tests: JSON in, status and JSON out, as a member with a session."""

from dataclasses import dataclass, field
from typing import Any

from django.test import Client

from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.testing.people import make_member, sign_in

BASE = "/api/v1"


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    json: Any
    headers: Any

    @property
    def codes(self) -> list[str]:
        """The codes of a refusal's errors."""
        return [error["code"] for error in self.json["errors"]]

    @property
    def fields(self) -> dict[str, str]:
        """Field → code of a refusal."""
        return {error["attr"]: error["code"] for error in self.json["errors"]}


@dataclass(slots=True)
class RestClient:
    client: Client
    user: User | None = None
    headers: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: Any) -> Answer:
        return self._answer(self.client.get(BASE + path, query, headers=self.headers))

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self._send("post", path, body, headers)

    def put(self, path: str, body: Any, **headers: str) -> Answer:
        return self._send("put", path, body, headers)

    def patch(self, path: str, body: Any, **headers: str) -> Answer:
        return self._send("patch", path, body, headers)

    def delete(self, path: str, body: Any = None, **headers: str) -> Answer:
        return self._send("delete", path, body, headers)

    def raw(self, method: str, path: str, body: bytes, content_type: str = "application/json") -> Answer:
        """Send bytes as they are, to any address."""
        return self._answer(self.client.generic(method, path, body, content_type=content_type))

    def _send(self, method: str, path: str, body: Any, headers: dict[str, str]) -> Answer:
        sent = {**self.headers, **{name.replace("_", "-"): value for name, value in headers.items()}}
        call = getattr(self.client, method)
        if body is None:
            return self._answer(call(BASE + path, headers=sent, content_type="application/json"))
        return self._answer(call(BASE + path, body, content_type="application/json", headers=sent))

    @staticmethod
    def _answer(response: Any) -> Answer:
        is_json = response.headers.get("Content-Type", "").startswith("application/json")
        return Answer(response.status_code, response.json() if is_json else None, response.headers)


def rest_client(account: Account, role: Role) -> RestClient:
    """Return a client signed in as a new member with that role."""
    user = make_member(account, role).user
    return RestClient(sign_in(user, account), user)


def rest_client_of(user: User, account: Account) -> RestClient:
    return RestClient(sign_in(user, account), user)
