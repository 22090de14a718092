"""A new password by mail, read from a real mail server; and changing one's own."""

import logging
import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from budgetsite.accounts.models import Account, User
from budgetsite.accounts.roles import Role
from budgetsite.accounts.services import add_member
from budgetsite.accounts.sign_in import Standing
from budgetsite.accounts.tasks import mail_password_reset
from budgetsite.accounts.tokens import issue_refresh_token
from budgetsite.celery import app
from budgetsite.operations.log_redaction import SecretsHidden, hide_secrets
from budgetsite.testing.mail import Mailbox, text_of
from budgetsite.testing.people import PASSWORD, sign_in

NEW = "an entirely new password"
ME = "/api/v1/me"


@pytest.fixture(autouse=True)
def worker_at_once() -> Iterator[None]:
    """The worker's jobs are done where they are asked for."""
    app.conf.task_always_eager = app.conf.task_eager_propagates = True
    yield
    app.conf.task_always_eager = app.conf.task_eager_propagates = False


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


def ask(email: str) -> Any:
    return Client().post("/password-reset", {"email": email})


def link_in(mailbox: Mailbox) -> str:
    """Return the path of the link in the one mail."""
    (found,) = re.findall(r"^http://testserver(/password-reset/\S+/\S+)$", text_of(mailbox.only()), re.MULTILINE)
    return found


def open_link(client: Client, path: str) -> str:
    """Follow the link to its form; return the form's address."""
    redirect = client.get(path)
    assert redirect.status_code == 302
    return redirect["Location"]


def set_password(client: Client, form: str, password: str = NEW) -> Any:
    return client.post(form, {"new_password1": password, "new_password2": password})


def test_mail_is_for_the_person_and_readable(mailbox: Mailbox, account: Account, staff: User) -> None:
    assert ask(staff.email)["Location"] == reverse("password-reset-sent")

    mail = mailbox.only()
    assert mail["To"] == staff.email
    assert mail["From"] == "Budgetsite <no-reply@localhost>"
    assert mail["Subject"] == "Set a new password for Budgetsite"
    assert mail["Auto-Submitted"] == "auto-generated"
    path = link_in(mailbox)
    assert text_of(mail).strip() == (
        "Hello The staff,\n\n"
        "someone, probably you, asked for a new password for Budgetsite.\n"
        "Set it here:\n\n"
        f"http://testserver{path}\n\n"
        "The link works once, and for 2 hours. Later, ask for another:\n"
        "http://testserver/password-reset\n\n"
        "It wasn't you? Then do nothing: your password stays as it is."
    )
    assert f'<a href="http://testserver{path}">Set a new password</a>' in text_of(mail, "html")


def test_names_are_data_in_both_parts(mailbox: Mailbox, account: Account, staff: User) -> None:
    User.objects.filter(pk=staff.pk).update(name="Zoë <b>O'Brien</b>")

    ask(staff.email)

    assert "Hello Zoë <b>O'Brien</b>," in text_of(mailbox.only())
    assert "Hello Zoë &lt;b&gt;O&#x27;Brien&lt;/b&gt;," in text_of(mailbox.only(), "html")


def test_unknown_address_gets_the_same_answer_and_no_mail(mailbox: Mailbox, account: Account, staff: User) -> None:
    known, unknown = ask(staff.email.upper()), ask("nobody@example.org")

    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert known.content == unknown.content == b""
    assert [mail["To"] for mail in mailbox.messages] == [staff.email]


def test_inactive_person_gets_no_mail(mailbox: Mailbox, account: Account, staff: User) -> None:
    User.objects.filter(pk=staff.pk).update(is_active=False)

    assert ask(staff.email).status_code == 302

    assert mailbox.messages == []


def test_new_password_opens_and_the_link_works_once(mailbox: Mailbox, account: Account, staff: User) -> None:
    ask(staff.email)
    client, path = Client(), link_in(mailbox)
    form = open_link(client, path)
    assert path.rpartition("/")[2] not in form

    assert set_password(client, form)["Location"] == reverse("password-reset-done")

    assert client.post("/sign-in", {"username": staff.email, "password": NEW}).status_code == 302
    again = Client().get(path)
    assert again.status_code == 200
    assert "This link no longer works" in text(again)
    staff.refresh_from_db()
    assert not staff.check_password(PASSWORD)


def test_old_password_sessions_and_tokens_end(mailbox: Mailbox, account: Account, staff: User) -> None:
    elsewhere = sign_in(staff, account)
    refresh = issue_refresh_token(Standing(staff, account, Role.STAFF))
    assert elsewhere.get(ME).status_code == 200
    ask(staff.email)
    client = Client()

    set_password(client, open_link(client, link_in(mailbox)))

    assert elsewhere.get(ME).status_code == 401
    refused = client.post("/api/v1/auth/refresh", {"refresh": refresh}, content_type="application/json")
    assert refused.status_code == 401


def test_weak_password_is_refused_at_its_field(mailbox: Mailbox, account: Account, staff: User) -> None:
    ask(staff.email)
    client = Client()
    form = open_link(client, link_in(mailbox))

    for weak, words in (("short", "at least 10 characters"), ("9876543210", "entirely numeric")):
        assert words in text(set_password(client, form, weak))
    different = client.post(form, {"new_password1": NEW, "new_password2": NEW + "x"})

    assert "match" in text(different)
    staff.refresh_from_db()
    assert staff.check_password(PASSWORD)


def test_somebody_elses_link_part_does_not_fit(mailbox: Mailbox, account: Account, staff: User, manager: User) -> None:
    ask(staff.email)
    own = link_in(mailbox)
    mailbox.messages.clear()
    ask(manager.email)
    theirs = link_in(mailbox)
    swapped = f"{theirs.rpartition('/')[0]}/{own.rpartition('/')[2]}"

    assert "This link no longer works" in text(Client().get(swapped))
    assert "This link no longer works" in text(Client().get("/password-reset/x/y"))


def test_link_ends_with_its_time(mailbox: Mailbox, account: Account, staff: User, settings: Any) -> None:
    ask(staff.email)
    settings.PASSWORD_RESET_TIMEOUT = -1

    assert "This link no longer works" in text(Client().get(link_in(mailbox)))


def test_person_added_without_a_password_gets_their_first(mailbox: Mailbox, account: Account) -> None:
    add_member(account=account, email="new@example.org", role=Role.CLIENT)
    ask("new@example.org")
    client = Client()

    set_password(client, open_link(client, link_in(mailbox)))

    assert client.post("/sign-in", {"username": "new@example.org", "password": NEW}).status_code == 302


def test_new_password_lifts_a_lock(mailbox: Mailbox, account: Account, staff: User) -> None:
    client = Client()
    for _ in range(6):
        client.post("/sign-in", {"username": staff.email, "password": "wrong"})
    assert client.post("/sign-in", {"username": staff.email, "password": PASSWORD}).status_code == 429
    ask(staff.email)

    set_password(client, open_link(client, link_in(mailbox)))

    assert client.post("/sign-in", {"username": staff.email, "password": NEW}).status_code == 302


def test_address_that_is_none_is_refused_at_its_field(db: None, mailbox: Mailbox) -> None:
    response = ask("not an address")

    assert response.status_code == 200
    assert "Enter a valid email address." in text(response)
    assert mailbox.messages == []


def test_link_of_a_made_up_host_is_never_mailed(mailbox: Mailbox, account: Account, staff: User) -> None:
    response = Client(raise_request_exception=False).post(
        "/password-reset", {"email": staff.email}, headers={"Host": "evil.example.org"}
    )

    assert response.status_code == 400
    assert mailbox.messages == []


def forget_broker_connections() -> None:
    app._pool = app.amqp._producer_pool = None


def test_mail_goes_out_without_a_broker(
    mailbox: Mailbox,
    account: Account,
    staff: User,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    app.conf.task_always_eager = False
    monkeypatch.setenv("CELERY_BROKER_WRITE_URL", "redis://127.0.0.1:1/0")
    forget_broker_connections()
    try:
        assert ask(staff.email).status_code == 302
    finally:
        forget_broker_connections()

    assert mailbox.only()["To"] == staff.email
    assert "no worker can be reached, a reset mail is sent directly" in caplog.text


def test_job_is_repeated_while_the_mail_server_is_away(account: Account, staff: User, settings: Any) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    with pytest.raises(ConnectionRefusedError):
        mail_password_reset.run.__wrapped__(email=staff.email, site_address="http://testserver/")
    assert OSError in mail_password_reset.autoretry_for
    waits = [
        min(mail_password_reset.retry_backoff * 2**attempt, mail_password_reset.retry_backoff_max)
        for attempt in range(mail_password_reset.max_retries)
    ]
    # For an hour, while the link that it writes then is still good.
    assert 3600 <= sum(waits) <= settings.PASSWORD_RESET_TIMEOUT
    assert not mail_password_reset.retry_jitter


def test_no_reset_link_and_no_password_is_logged(
    mailbox: Mailbox, account: Account, staff: User, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.handler.addFilter(SecretsHidden())
    with caplog.at_level(logging.DEBUG):
        ask(staff.email)
        path = link_in(mailbox)
        client = Client()
        form = open_link(client, path)
        client.get(f"{path}/further")
        client.delete(path)
        set_password(client, form, "hunter2-hunter2")
        client.post("/sign-in", {"username": staff.email, "password": "hunter2-hunter2"})

    assert "Not Found: /password-reset/[hidden]" in caplog.text
    for secret in (path.rpartition("/")[2], "hunter2", PASSWORD):
        assert secret not in caplog.text


@pytest.mark.parametrize(
    ("line", "hidden"),
    [
        ("Not Found: /password-reset/MQ/c1-abc/", "Not Found: /password-reset/[hidden]/"),
        ('"GET /password-reset/MQ/c1-abc HTTP/1.1" 302', '"GET /password-reset/[hidden] HTTP/1.1" 302'),
        ("/password-reset/MQ/set-password", "/password-reset/MQ/set-password"),
        ("Authorization: Bearer abc.def-1", "Authorization: Bearer [hidden]"),
        ("Authorization: Basic YTpi", "Authorization: Basic [hidden]"),
        ("got eyJhbGciOi.eyJzdWIi.sig-_1 here", "got [token] here"),
        ("nothing secret", "nothing secret"),
    ],
)
def test_secrets_are_hidden_in_log_lines(line: str, hidden: str) -> None:
    assert hide_secrets(line) == hidden


# --- Changing one's own -----------------------------------------------------------------------------------------------


def change(client: Client, old: str = PASSWORD) -> Any:
    return client.post("/password", {"old_password": old, "new_password1": NEW, "new_password2": NEW})


def test_changing_keeps_this_session_and_ends_the_others(account: Account, staff: User) -> None:
    here, elsewhere = sign_in(staff, account), sign_in(staff, account)
    key = here.session.session_key

    assert change(here)["Location"] == reverse("home")

    assert here.get(ME).status_code == 200
    assert here.session.session_key != key
    assert elsewhere.get(ME).status_code == 401


def test_changing_takes_the_old_password(account: Account, staff: User) -> None:
    response = change(sign_in(staff, account), "wrong")

    assert response.status_code == 200
    assert "incorrectly" in text(response)
    staff.refresh_from_db()
    assert staff.check_password(PASSWORD)


def test_changing_takes_a_signed_in_person(db: None) -> None:
    assert change(Client())["Location"] == "/sign-in?next=/password"
