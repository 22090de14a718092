"""Handing a message to the mail server, in two steps: all that it may refuse beforehand, and the message itself.

Between the two the caller writes down that the server is about to have it. So only what breaks off inside the second
step is in doubt, and that is never sent again.
"""

import smtplib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock
from types import TracebackType
from typing import Any, Self

from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.smtp import EmailBackend
from django.core.mail.message import sanitize_address

# How the failure begins that is nobody's mail's own.
UNREACHABLE = "no server"
_LOST = (smtplib.SMTPServerDisconnected, OSError)
# What an enhanced status code (RFC 3463) says of a refused recipient: the mailbox, or its address. The others are about
# the server, the network or its policy, and would be said of everybody.
_ABOUT_THE_ADDRESS = ("5.1.", "5.2.1", "5.2.0", "5.0.")


class NotTaken(Exception):
    """The server does not have the message. It may be sent again."""

    def __init__(self, failure: str) -> None:
        super().__init__(failure)
        self.failure = failure


class Unreachable(NotTaken):
    """There is no mail server to be had, for whatever message."""


class _Lost(NotTaken):
    """The connection broke, or nothing was answered in time."""


class AddressRefused(NotTaken):
    """The server says for good that nobody has this address: `reason`, in its words."""

    def __init__(self, failure: str, reason: str) -> None:
        super().__init__(failure)
        self.reason = reason


class PerhapsTaken(Exception):
    """The connection broke while the server was taking the message: nobody knows whether it has it."""

    def __init__(self, failure: str) -> None:
        super().__init__(failure)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Handover:
    """A message that the server expects; `finish` gives it. Raises `NotTaken`, `PerhapsTaken`."""

    finish: Callable[[], None]
    abandon: Callable[[], None]


class MailServer:
    """Connections to the site's mail server, each used for one message after the other. For several threads."""

    def __init__(self) -> None:
        self._idle: list[Any] = []
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        while self._idle:
            _close(self._idle.pop())

    def begin(self, message: EmailMultiAlternatives) -> Handover:
        """Connect, and name sender and recipient. Raises `Unreachable`, `AddressRefused`, `NotTaken`."""
        with self._lock:
            waiting = self._idle.pop() if self._idle else None
        if waiting is not None:
            try:
                return self._introduce(waiting, message)
            except _Lost:
                # The server has closed a connection that was idle for long.
                pass
        return self._introduce(_connected(), message)

    def _introduce(self, backend: Any, message: EmailMultiAlternatives) -> Handover:
        if not isinstance(backend, EmailBackend):
            return Handover(finish=lambda: _send_otherwise(backend, message), abandon=lambda: _close(backend))
        smtp = backend.connection
        assert smtp is not None
        sender = sanitize_address(message.from_email, "utf-8")
        (recipient,) = message.to
        written: Any = message.message()
        content = written.as_bytes(linesep="\r\n")
        try:
            smtp.ehlo_or_helo_if_needed()
            code, answer = smtp.mail(sender)
            if code == 250:
                code, answer = smtp.rcpt(sanitize_address(recipient, "utf-8"))
                if code not in (250, 251):
                    raise _refused("recipient", code, answer)
            else:
                raise _refused("sender", code, answer)
        except NotTaken as problem:
            self._give_back(backend)
            raise problem
        except (smtplib.SMTPHeloError, *_LOST) as error:
            _close(backend)
            raise _Lost(f"connection: {type(error).__name__}") from error
        return Handover(finish=lambda: self._hand_over(backend, content), abandon=lambda: self._give_back(backend))

    def _hand_over(self, backend: Any, content: bytes) -> None:
        try:
            code, answer = backend.connection.data(content)
        except smtplib.SMTPDataError as error:
            self._give_back(backend)
            raise _refused("message", error.smtp_code, error.smtp_error) from error
        except _LOST as error:
            _close(backend)
            raise PerhapsTaken(f"message: {type(error).__name__}") from error
        self._give_back(backend)
        if code != 250:
            raise _refused("message", code, answer)

    def _give_back(self, backend: Any) -> None:
        """Keep a connection for the next message, unless it is closed."""
        if not isinstance(backend, EmailBackend):
            return
        try:
            assert backend.connection is not None
            backend.connection.rset()
        except _LOST:
            _close(backend)
        else:
            with self._lock:
                self._idle.append(backend)


def _connected() -> Any:
    backend = get_connection()
    try:
        backend.open()
    except (smtplib.SMTPException, OSError) as error:
        raise Unreachable(f"{UNREACHABLE}: {type(error).__name__}") from error
    return backend


def _send_otherwise(backend: Any, message: EmailMultiAlternatives) -> None:
    """Give a message to what takes the place of a mail server on one's own machine."""
    try:
        backend.send_messages([message])
    except OSError as error:
        raise PerhapsTaken(f"message: {type(error).__name__}") from error
    finally:
        _close(backend)


def _close(backend: Any) -> None:
    # Whatever was said is said; that a connection does not close well harms nobody.
    with suppress(smtplib.SMTPException, OSError):
        backend.close()


def _refused(stage: str, code: int, answer: bytes | str) -> NotTaken:
    text = answer.decode(errors="replace") if isinstance(answer, bytes) else answer
    words = " ".join(text.split())
    enhanced = words.split(" ", 1)[0] if words[:2] in ("4.", "5.") else ""
    failure = f"{stage}: {code} {enhanced}".strip()
    about_the_address = enhanced.startswith(_ABOUT_THE_ADDRESS) if enhanced else code in (550, 551, 553)
    if stage == "recipient" and 500 <= code < 600 and about_the_address:
        return AddressRefused(failure, f"{code} {words}"[:200])
    return NotTaken(failure)
