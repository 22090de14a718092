"""Someone who uses the site over HTTP, from outside its process: pages with their forms, or the REST API."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from email.message import Message
from html.parser import HTMLParser
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urljoin
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener
from uuid import uuid4

ANSWER_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, after redirects. `address` is where it came from in the end."""

    status: int
    headers: Message
    text: str
    address: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Visitor:
    """Keeps cookies as a browser does, and a token once `take_token` has got one. Answers of any status are replies.

    Raises `OSError` when there is no answer: nobody listens, or the connection ended.
    """

    def __init__(self, address: str) -> None:
        self.address = address
        self.token = ""
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> Reply:
        return self._ask("GET", path, None, {})

    def send(self, method: str, path: str, body: dict[str, Any] | None = None, **headers: str) -> Reply:
        """Send JSON. Headers are written with underscores."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        return self._ask(method, path, data, {"Content-Type": "application/json", **sent})

    def upload(self, path: str, fields: dict[str, str], *, filename: str, content: bytes, **headers: str) -> Reply:
        """Send a form with one file, in its field `file`."""
        boundary = uuid4().hex
        parts = [
            f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        disposition = f'Content-Disposition: form-data; name="file"; filename="{filename}"'
        parts.append(f"--{boundary}\r\n{disposition}\r\n\r\n".encode() + content + b"\r\n")
        data = b"".join([*parts, f"--{boundary}--\r\n".encode()])
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return self._ask("POST", path, data, {"Content-Type": f"multipart/form-data; boundary={boundary}", **sent})

    def submit(self, path: str, **values: str) -> Reply:
        """Open a page, change these fields of the form that has them all, and send it as a browser would."""
        page = self.get(path)
        reader = _Forms()
        reader.feed(page.text)
        form = next((form for form in reader.forms if values.keys() <= form.fields.keys()), None)
        assert form is not None, f"{page.address} ({page.status}) has no form with {', '.join(values)}."
        data = urlencode({**form.fields, **values}).encode()
        return self._ask("POST", urljoin(page.address, form.action), data, {"Referer": page.address})

    def sign_in(self, email: str, password: str) -> Reply:
        return self.submit("/sign-in", username=email, password=password)

    def take_token(self, email: str, password: str) -> Reply:
        reply = self.send("POST", "/api/v1/auth/token", {"username": email, "password": password})
        if reply.status == 200:
            self.token = reply.json["access"]
        return reply

    def _ask(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Reply:
        address = path if path.startswith("http") else self.address + path
        if self.token:
            headers = {"Authorization": f"Bearer {self.token}", **headers}
        request = Request(address, data, headers, method=method)
        try:
            response = self._opener.open(request, timeout=ANSWER_SECONDS)
        except HTTPError as refusal:
            response = refusal
        with response:
            return Reply(response.status, response.headers, response.read().decode(), response.url)


@dataclass(slots=True)
class _Form:
    action: str
    fields: dict[str, str]


class _Forms(HTMLParser):
    """Reads the forms that are sent by POST, with the values that they would send untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_Form] = []
        self._form: _Form | None = None
        self._textarea = self._select = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and given.get("method", "").lower() == "post":
            self._form = _Form(given.get("action", ""), {})
            self.forms.append(self._form)
        if self._form is None:
            return
        for name, value in self._sent(tag, given):
            self._form.fields[name] = value

    def handle_data(self, data: str) -> None:
        if self._form is not None and self._textarea:
            self._form.fields[self._textarea] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._form = None
        elif tag == "textarea":
            self._textarea = ""
        elif tag == "select":
            self._select = ""

    def _sent(self, tag: str, given: dict[str, str]) -> Iterator[tuple[str, str]]:
        name = given.get("name", "")
        if tag == "input" and name:
            if given.get("type") not in ("checkbox", "radio", "submit") or "checked" in given:
                yield name, given.get("value", "")
        elif tag == "textarea" and name:
            self._textarea = name
            yield name, ""
        elif tag == "select":
            self._select = name
        elif tag == "option" and self._select and "selected" in given:
            yield self._select, given.get("value", "")
