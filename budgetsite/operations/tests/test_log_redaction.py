import pytest

from budgetsite.operations.log_redaction import hide_secrets

EVENT = "0b6b4a52-6a0e-4c7e-9a53-0d1f6f2b9c11"


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ('"GET /check-in/Zk3-w_9qT HTTP/1.1" 200', '"GET /check-in/[hidden] HTTP/1.1" 200'),
        ('"GET /check-in/Zk3-w_9qT?from=mail HTTP/1.1" 200', '"GET /check-in/[hidden]?from=mail HTTP/1.1" 200'),
        (
            '"POST /sign-in" "https://site.example/check-in/Zk3-w_9qT"',
            '"POST /sign-in" "https://site.example/check-in/[hidden]"',
        ),
        ('"GET /calendar/sunrise-1/Zk3-w_9qT.ics HTTP/1.1" 200', '"GET /calendar/sunrise-1/[hidden] HTTP/1.1" 200'),
        ('"GET /alerts/answer/WyJh:1xUn-M:BV2_3 HTTP/1.1" 200', '"GET /alerts/answer/[hidden] HTTP/1.1" 200'),
        ("/notifications/unsubscribe/WyJh:BV2_3", "/notifications/unsubscribe/[hidden]"),
        ("/sign-in?next=/check-in/Zk3-w_9qT", "/sign-in?next=/check-in/[hidden]"),
        ("/sign-in?next=%2Fcheck-in%2FZk3-w_9qT", "/sign-in?next=%2Fcheck-in%2F[hidden]"),
    ],
)
def test_the_token_of_a_ticket_does_not_stay_in_a_log_line(line: str, hidden: str) -> None:
    assert hide_secrets(line) == hidden


@pytest.mark.parametrize("path", [f"/events/{EVENT}/check-in", f"/events/{EVENT}/check-in/list"])
def test_the_pages_of_the_door_keep_their_address_in_the_log(path: str) -> None:
    assert hide_secrets(f'"GET {path} HTTP/1.1" 200') == f'"GET {path} HTTP/1.1" 200'
