"""A machine's key in a log line: whose it is may stay, its secret may not."""

from uuid import uuid4

import pytest

from budgetsite.accounts.api_key_text import KeyText, new_secret, write_key
from budgetsite.operations.log_redaction import hide_secrets


@pytest.mark.parametrize("line", ["Authorization: Bearer {}", "401 for {}", '"GET /x?key={} HTTP/1.1"', "{}"])
def test_no_secret_of_a_key_stays_in_a_log_line(line: str) -> None:
    secret = new_secret()
    text = write_key(KeyText(uuid4(), uuid4(), secret))
    for written in (text, text.upper(), text[:90]):
        hidden = hide_secrets(line.format(written))
        assert secret[:8] not in hidden.lower()
        assert "[hidden]" in hidden
