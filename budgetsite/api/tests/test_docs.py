"""The description's page works in a browser under the site's content security policy, which has no exception for it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client


@pytest.mark.browser
def test_the_page_shows_the_endpoints_and_breaks_no_policy(open_page: Callable[..., Any]) -> None:
    page = open_page()
    page.goto("/api/docs")
    page.locator(".opblock-tag", has_text="budget workflow").click()
    page.get_by_text("Hand a draft in for approval").first.click()
    page.get_by_text("The version that was read, in quotes").first.wait_for()


def test_the_page_has_nothing_inline(db):
    response = Client().get("/api/docs")
    assert response.status_code == 200
    assert "unsafe" not in response["Content-Security-Policy"]
    body = response.content.decode()
    assert "<style" not in body
    assert "<script>" not in body
