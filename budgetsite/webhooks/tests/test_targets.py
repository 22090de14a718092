"""Webhooks reach the public internet and nothing behind the site's own walls, whatever a name or a redirect says."""

import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.core.exceptions import ImproperlyConfigured

from budgetsite.testing.receivers import receiving, status, unused_port
from budgetsite.webhooks import connections
from budgetsite.webhooks.connections import Answer, post
from budgetsite.webhooks.targets import UrlRefused, check_url, may_be_sent_to

REFUSED = [
    "127.0.0.1", "127.8.9.10", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "100.100.100.200", "168.63.129.16", "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255",
    "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254", "fec0::1", "ff02::1", "2001:db8::1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1",
    "2002:7f00:1::", "2001:0:0:0:0:0:80ff:fffe",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_addresses_that_are_not_public_are_refused_however_they_are_written(text):
    assert not may_be_sent_to(ip_address(text))


@pytest.mark.parametrize("text", ["93.184.216.34", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_public_addresses_are_fine(text):
    assert may_be_sent_to(ip_address(text))


def test_the_operator_may_allow_a_network_of_their_own(settings):
    settings.WEBHOOK_ALLOWED_NETWORKS = ["10.1.0.0/16", "fd00:1::/32"]
    allowed = [text for text in ("10.1.2.3", "10.2.2.3", "::ffff:10.1.2.3", "fd00:1::5", "127.0.0.1")
               if may_be_sent_to(ip_address(text))]  # fmt: skip
    assert allowed == ["10.1.2.3", "::ffff:10.1.2.3", "fd00:1::5"]
    settings.WEBHOOK_ALLOWED_NETWORKS = ["10.1.2.3/16"]
    with pytest.raises(ImproperlyConfigured, match="WEBHOOK_ALLOWED_NETWORKS"):
        may_be_sent_to(ip_address("10.1.2.3"))


@pytest.mark.parametrize(
    "url",
    [
        "", "example.org/hooks", "ftp://example.org/", "https://", "https:///hooks", "http://example.org/hooks",
        "https://user:password@example.org/", "https://example.org/#part", "https://127.0.0.1/", "https://[::1]/",
        "https://169.254.169.254/latest", "https://localhost/", "https://exämple.org/", "https://example.org/a b",
        "https://example.org\\@127.0.0.1/", "https://example.org:0/", "https://example.org:99999/",
        "https://example.org/\r\nHost: evil", "https://example.org/" + "a" * 1000, "javascript:alert(1)",
    ],
)  # fmt: skip
def test_what_is_no_address_for_a_webhook_is_refused_at_once(url):
    with pytest.raises(UrlRefused):
        check_url(url)


def test_an_address_is_stored_as_it_was_typed():
    assert check_url(" https://example.org:8443/hooks?key=1 ") == "https://example.org:8443/hooks?key=1"


def sent(url, seconds=5.0):
    return post(url, body=b"{}", headers={"webhook-id": "1"}, seconds=seconds)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.1", "0x7f000001", "2130706433", "[::ffff:127.0.0.1]"])
def test_nothing_is_sent_to_this_machine_however_it_is_called(host):
    with receiving() as receiver:
        for scheme in ("http", "https"):
            assert sent(f"{scheme}://{host}:{receiver.port}/") == Answer(problem="address_refused")
        assert receiver.heard == []


def test_a_name_that_leads_to_a_public_and_to_a_private_address_is_refused(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(connections, "resolve", lambda host, port: found)
    assert sent("https://example.org/") == Answer(problem="address_refused")


def test_the_address_that_was_judged_is_the_one_that_is_connected_to(monkeypatch, loopback_allowed):
    """A name server that says something else a moment later changes nothing: it is asked once."""
    with receiving() as receiver:
        asked = []

        def resolve(host, port):
            asked.append(host)
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", receiver.port))]

        monkeypatch.setattr(connections, "resolve", resolve)
        monkeypatch.setattr(socket, "getaddrinfo", refuse_names(socket.getaddrinfo))
        assert sent("http://rebinding.example/hooks").status_code == 204
        assert asked == ["rebinding.example"]
        assert [message.headers["host"] for message in receiver.heard] == ["rebinding.example"]


def refuse_names(resolver):
    def judged(host, *args, **kwargs):
        ip_address(host)
        return resolver(host, *args, **kwargs)

    return judged


def test_a_redirect_is_not_followed(loopback_allowed):
    with receiving() as inside, receiving() as receiver:
        receiver.answer = status(307, Location=f"http://127.0.0.1:{inside.port}/secret")
        assert sent(receiver.url).status_code == 307
        assert inside.heard == []


def test_an_endless_answer_is_read_for_its_beginning_alone(loopback_allowed):
    written = []

    def gigabytes(handler, message):
        handler.send_response(200)
        handler.send_header("Content-Length", str(2 * 1024**3))
        handler.end_headers()
        for _ in range(2 * 1024):
            handler.wfile.write(b"x" * 1024**2)
            written.append(1)

    with receiving() as receiver:
        receiver.answer = gigabytes
        answer = sent(receiver.url)
    assert (answer.status_code, len(answer.text)) == (200, connections.READ_BYTES)
    # What the sockets' buffers hold, and not the rest.
    assert len(written) < 64


def test_an_answer_is_not_unpacked(loopback_allowed):
    with receiving() as receiver:
        receiver.answer = status(200, b"\x1f\x8b not really", Content_Encoding="gzip")
        answer = sent(receiver.url)
    assert (answer.status_code, answer.problem) == (200, "")


@pytest.mark.parametrize("drip", [b"", b"x"])
def test_who_hangs_or_answers_byte_by_byte_is_left_in_time(drip, loopback_allowed):
    def hang(handler, message):
        while not receiver.is_over.wait(0.05):
            handler.wfile.write(drip)
            handler.wfile.flush()

    with receiving() as receiver:
        receiver.answer = hang
        began = time.monotonic()
        assert sent(receiver.url, seconds=0.4) == Answer(problem="timed_out")
        assert time.monotonic() - began < 1.5


def test_what_cannot_be_reached_says_why(loopback_allowed):
    assert sent(f"http://127.0.0.1:{unused_port()}/") == Answer(problem="connection_refused")
    assert sent("https://no-such-name.invalid/") == Answer(problem="name_not_found")
    with receiving() as receiver:
        # It speaks no TLS.
        assert sent(f"https://127.0.0.1:{receiver.port}/") == Answer(problem="tls_failed")
        receiver.answer = lambda handler, message: handler.wfile.write(b"SSH-2.0\r\n\r\n")
        assert sent(receiver.url).problem in {"broken_off", "unreadable_answer"}


def test_a_certificate_that_nobody_vouches_for_is_refused(loopback_allowed, tmp_path):
    certificate = tmp_path / "certificate.pem"
    certificate.write_bytes(self_signed())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve():
            client, _ = server.accept()
            with client:
                try:
                    context.wrap_socket(client, server_side=True).close()
                except OSError:
                    # It hung up, as it should.
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        assert sent(f"https://127.0.0.1:{server.getsockname()[1]}/") == Answer(problem="tls_failed")
        thread.join()


def self_signed():
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private + certificate.public_bytes(serialization.Encoding.PEM)
