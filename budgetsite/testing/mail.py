"""A real mail server for tests: what the site sends over SMTP, as its receiver reads it, and all that can go wrong."""

import asyncio
from asyncio import Server
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
from aiosmtpd.controller import Controller

# Instead of an answer: none at all, or the end of the connection.
HANG, CLOSE = "hang", "close"


@dataclass
class Mailbox:
    """Everything that has arrived, oldest first; `addresses` are all that were named as recipients.

    `at_recipient` and `at_message` are what it answers where that is not yes: a line such as "450 4.2.0 Try later",
    `HANG` or `CLOSE`. `at_recipients` says it for some addresses alone. Where the message is refused, `received` counts
    it all the same.
    """

    messages: list[EmailMessage] = field(default_factory=list)
    addresses: list[str] = field(default_factory=list)
    at_recipient: str = ""
    at_recipients: dict[str, str] = field(default_factory=dict)
    at_message: str = ""
    received: int = 0

    async def handle_RCPT(  # noqa: N802  (the library's name)
        self, server: Any, session: Any, envelope: Any, address: str, rcpt_options: list[str]
    ) -> str:
        self.addresses.append(address)
        refusal = self.at_recipients.get(address, self.at_recipient)
        if refusal:
            return await _otherwise(refusal, server)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802  (the library's name)
        self.received += 1
        if self.at_message:
            return await _otherwise(self.at_message, server)
        self.messages.append(message_from_bytes(envelope.content, policy=policy.default))
        return "250 Message accepted"

    def only(self) -> EmailMessage:
        """Return the one message that has arrived."""
        (message,) = self.messages
        return message


async def _otherwise(answer: str, server: Any) -> str:
    if answer == HANG:
        await asyncio.sleep(3600)
    if answer == CLOSE:
        server.transport.abort()
    return answer


class _OnAnyPort(Controller):
    def _trigger_server(self) -> None:
        # The port is the system's choice, known once the server listens.
        assert isinstance(self.server, Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


def text_of(message: EmailMessage, kind: str = "plain") -> str:
    """Return the text (`plain`) or the HTML (`html`) of a message, decoded."""
    part = message.get_body(preferencelist=(kind,))
    assert part is not None, f"The message has no {kind} part."
    return str(part.get_content()).replace("\r\n", "\n")


@contextmanager
def serving_mail(box: Mailbox) -> Iterator[int]:
    """Put what is sent to this machine over SMTP into the box; the port is the system's choice."""
    server = _OnAnyPort(box, hostname="127.0.0.1", port=0)
    server.start()
    try:
        yield server.port
    finally:
        server.stop()


@pytest.fixture
def mailbox(settings: Any) -> Iterator[Mailbox]:
    """Receive the site's mail over SMTP on this machine."""
    box = Mailbox()
    with serving_mail(box) as port:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", port
        settings.EMAIL_HOST_USER = settings.EMAIL_HOST_PASSWORD = ""
        settings.EMAIL_USE_TLS = settings.EMAIL_USE_SSL = False
        yield box
