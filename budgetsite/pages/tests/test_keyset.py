from base64 import urlsafe_b64encode
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.test import RequestFactory

from budgetsite.pages.keyset import address, position, position_in


def asking(query):
    return RequestFactory().get("/", query)


def test_a_position_reads_back_as_it_was_written():
    moment, key = datetime(2026, 7, 15, 14, 0, 0, 123456, tzinfo=UTC), uuid4()

    assert position_in(asking({"older": position(moment, key)}), "older") == (moment, key)


@pytest.mark.parametrize(
    "text",
    ["", "x", "é", "=" * 9, "W10", "bnVsbA", "WzEsMl0", "a" * 5000]
    + [
        urlsafe_b64encode(body.encode()).decode()
        for body in ('["2026-07-15","x"]', '["2026-07-15T14:00:00","no-id"]', '["2026-99-15T14:00:00+00:00","x"]', "{}")
    ],
)
def test_a_position_that_cannot_be_read_is_none(text):
    assert position_in(asking({"older": text}), "older") is None


def test_an_address_keeps_the_filters_and_replaces_the_position():
    request = asking({"search": "gala & more", "older": "here", "newer": "there"})

    assert address(request, older="next") == "?search=gala+%26+more&older=next"
