"""Jobs of signing in: the mail with a reset link, and sweeping up what has expired."""

from datetime import timedelta
from smtplib import SMTPException

from axes.models import AccessAttempt, AccessLog
from celery import shared_task
from django.conf import settings
from django.contrib.sessions.models import Session
from django.utils import timezone

from budgetsite.accounts.password_reset import send_password_reset
from budgetsite.operations.pruning import remove_in_batches
from budgetsite.tenancy.tasks import SteppedTask

# Who signed in when, for looking into a break-in; longer would be a diary.
SIGN_INS_KEPT_FOR = timedelta(days=90)


# No transaction is kept open while the mail server takes its time. It may be away for an hour, in which 20 attempts are
# made.
@shared_task(
    base=SteppedTask,
    autoretry_for=(OSError, SMTPException),
    retry_backoff=5,
    retry_backoff_max=300,
    retry_jitter=False,
    max_retries=20,
    ignore_result=True,
)
def mail_password_reset(*, email: str, site_address: str) -> None:
    send_password_reset(email=email, site_address=site_address)


@shared_task(base=SteppedTask)
def clear_expired_sign_ins() -> dict[str, int]:
    """Remove expired sessions, failures that no longer count and old sign-ins; return how many of each."""
    now = timezone.now()
    return {
        "sessions": remove_in_batches(Session.objects.filter(expire_date__lt=now)),
        "failures": remove_in_batches(AccessAttempt.objects.filter(attempt_time__lt=now - settings.AXES_COOLOFF_TIME)),
        "sign_ins": remove_in_batches(AccessLog.objects.filter(attempt_time__lt=now - SIGN_INS_KEPT_FOR)),
    }
