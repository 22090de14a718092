"""A new password by mail. The answer to a request is the same, and as quick, whether anybody has the address."""

import logging
from smtplib import SMTPException

from django.conf import settings
from django.contrib.auth.tokens import default_token_generator
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from kombu.exceptions import OperationalError

from budgetsite.accounts.models import User
from budgetsite.accounts.sign_in import in_words, normalized

logger = logging.getLogger(__name__)


def link_lasts() -> str:
    return in_words(settings.PASSWORD_RESET_TIMEOUT)


def request_password_reset(*, email: str, site_address: str) -> None:
    """Have the mail sent by a worker, to this address if it is someone's. Without a broker it is sent here and now."""
    from budgetsite.accounts.tasks import mail_password_reset

    message = {"email": normalized(email), "site_address": site_address}
    try:
        mail_password_reset.apply_async(kwargs=message, retry=False)
    except OperationalError as error:
        logger.warning("no worker can be reached, a reset mail is sent directly: %s", type(error).__name__)
        try:
            send_password_reset(**message)
        except (OSError, SMTPException) as failure:
            # Said to the operator; the person would learn from it that the address is known.
            logger.error("a reset mail can't be sent: %s", type(failure).__name__)


def send_password_reset(*, email: str, site_address: str) -> bool:
    """Mail a link, good once and for `PASSWORD_RESET_TIMEOUT` seconds, to an active person; return if there is one.

    `site_address` is the site's root, such as `https://budgets.example.org/`. People who never had a password
    (added by an owner) get their first one in this way.
    """
    user = User.objects.filter(email=email, is_active=True).first()
    if user is None:
        return False
    path = reverse(
        "password-reset-confirm",
        kwargs={
            "uidb64": urlsafe_base64_encode(force_bytes(user.pk)),
            "token": default_token_generator.make_token(user),
        },
    )
    context = {
        "user": user,
        "link": site_address.rstrip("/") + path,
        "request_address": site_address.rstrip("/") + reverse("password-reset"),
        "lasts": link_lasts(),
    }
    message = EmailMultiAlternatives(
        subject="Set a new password for Budgetsite",
        body=render_to_string("accounts/mail/password_reset.txt", context),
        to=[user.email],
        # Out-of-office answers go nowhere.
        headers={"Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(render_to_string("accounts/mail/password_reset.html", context), "text/html")
    message.send()
    return True
