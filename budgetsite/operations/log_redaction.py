"""No secret in a log line, whatever a library chooses to log: tokens, reset links and mail addresses are replaced."""

import logging
import re

_SECRETS = (
    # A JSON web token, wherever it stands.
    (re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*"), "[token]"),
    (re.compile(r"(?i)\b(bearer\s+|basic\s+)[\w.~+/=-]+"), r"\1[hidden]"),
    # A machine's key, cut off or not: whose it is (the account's and the key's id) may stay, its secret may not.
    (re.compile(r"(?i)(bsk_[0-9a-f]{32}_[0-9a-f]{32}_)[0-9a-f]+"), r"\1[hidden]"),
    # The way to a new password: /password-reset/<person>/<token>
    (re.compile(r"(/password-reset/)[^/\s\"?]+/(?!set-password)[^\s\"?/]+"), r"\1[hidden]"),
    # Where somebody's calendar reads what is to be paid: /calendar/<account>/<secret>.ics
    (re.compile(r"(?i)((?:/|%2F)calendar(?:/|%2F)[\w-]+(?:/|%2F))[^/\s\"?&%]+"), r"\1[hidden]"),
    # What links in mails allow without a sign-in: /alerts/answer/<token>, /notifications/unsubscribe/<token>
    (re.compile(r"(?i)((?:/|%2F)(?:answer|unsubscribe)(?:/|%2F))[^/\s\"?&]+"), r"\1[hidden]"),
    # Somebody's address.
    (re.compile(r"[\w.+'-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+"), "[address]"),
    # What the code on a ticket opens: /check-in/<token>. The desk's own pages hang below /events/<event>/check-in.
    (re.compile(r"(?i)(?<![0-9a-f]{4})((?:/|%2F)check-in(?:/|%2F))[^/\s\"?&%]+"), r"\1[hidden]"),
)


def hide_secrets(text: str) -> str:
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text


class SecretsHidden(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        hidden = hide_secrets(message)
        if hidden != message:
            record.msg, record.args = hidden, ()
        return True


class RefusalsWithoutTrace(logging.Filter):
    """Leave the stack trace to faults: a request that was refused (403, 404) is in order, and one line says it."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.name == "django.request" and record.levelno < logging.ERROR:
            record.exc_info, record.exc_text = None, None
        return True
