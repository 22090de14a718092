"""Where receipts are kept: a folder of this machine, or a bucket that speaks S3 (a real client, a small server)."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import environ
import pytest

from budgets.services.receipt_store import discard, keep, open_stored, stored_names, was_stored_before
from budgetsite.settings.storages import receipt_storage
from budgetsite.tenancy.scope import tenant_scope

LISTED = """<?xml version="1.0"?><ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/"><Name>papers</Name>
<KeyCount>{count}</KeyCount><IsTruncated>false</IsTruncated>{keys}</ListBucketResult>"""
KEY = "<Contents><Key>{key}</Key><LastModified>2026-07-01T12:00:00.000Z</LastModified><Size>1</Size></Contents>"


class Bucket(BaseHTTPRequestHandler):
    objects: dict[str, bytes]

    def log_message(self, *args) -> None:
        """Silent."""

    def _answer(self, status: int, body: bytes = b"") -> None:
        self.send_response(status)
        for name, value in {
            "Content-Length": str(len(body)),
            "ETag": '"x"',
            "Last-Modified": "Wed, 01 Jul 2026 12:00:00 GMT",
        }.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    @property
    def key(self) -> str:
        return unquote(urlsplit(self.path).path).removeprefix("/papers/")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert "Credential=key-id/" in self.headers["Authorization"]
        if "aws-chunked" in self.headers.get("Content-Encoding", ""):
            body = body.split(b"\r\n")[1]
        self.objects[self.key] = body
        self._answer(200)

    def do_GET(self) -> None:
        if self.key in ("", "/papers"):
            keys = "".join(KEY.format(key=key) for key in sorted(self.objects))
            self._answer(200, LISTED.format(count=len(self.objects), keys=keys).encode())
        elif self.key in self.objects:
            self._answer(200, self.objects[self.key])
        else:
            self._answer(404)

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_DELETE(self) -> None:
        self.objects.pop(self.key, None)
        self._answer(204)


@pytest.fixture
def bucket(settings) -> Iterator[dict[str, bytes]]:
    objects: dict[str, bytes] = {}
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("OneBucket", (Bucket,), {"objects": objects}))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    env = environ.Env()
    env.ENVIRON = {
        "RECEIPTS_S3_BUCKET": "papers",
        "RECEIPTS_S3_ENDPOINT": f"http://127.0.0.1:{server.server_port}",
        "RECEIPTS_S3_REGION": "eu-central-1",
        "RECEIPTS_S3_ACCESS_KEY": "key-id",
        "RECEIPTS_S3_SECRET_KEY": "secret",
        "RECEIPTS_S3_ADDRESSING": "path",
    }
    settings.STORAGES = {**settings.STORAGES, "receipts": receipt_storage(env, folder=None)}
    yield objects
    server.shutdown()
    server.server_close()


def test_a_bucket_keeps_receipts_under_the_accounts_prefix(bucket, account):
    name = keep(b"a receipt")
    assert name.startswith(f"{account.pk}/")
    assert bucket == {f"receipts/{name}": b"a receipt"}
    with open_stored(name) as file:
        assert file.read() == b"a receipt"
    moment = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
    assert stored_names() == [name]
    assert (was_stored_before(name, moment + timedelta(seconds=1)), was_stored_before(name, moment)) == (True, False)
    discard(name, "")
    assert bucket == {}
    assert (stored_names(), was_stored_before(name, moment + timedelta(days=1))) == ([], False)
    with pytest.raises(FileNotFoundError):
        open_stored(name).read()


def test_a_folder_keeps_them_for_its_owner_alone(settings, tmp_path, account, other_account):
    env = environ.Env()
    env.ENVIRON = {"RECEIPTS_FOLDER": str(tmp_path / "papers")}
    settings.STORAGES = {**settings.STORAGES, "receipts": receipt_storage(env, folder=None)}
    name = keep(b"a receipt")
    path = tmp_path / "papers" / name
    assert path.read_bytes() == b"a receipt"
    assert {oct(part.stat().st_mode & 0o777) for part in (path, path.parent)} == {"0o600", "0o700"}
    with tenant_scope(other_account.pk):
        assert stored_names() == []
