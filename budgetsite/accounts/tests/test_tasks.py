"""Sweeping up what has expired."""

from datetime import timedelta
from typing import Any

from axes.models import AccessAttempt, AccessLog
from celery.schedules import crontab
from django.contrib.sessions.models import Session
from django.utils import timezone

from budgetsite.accounts.tasks import clear_expired_sign_ins
from budgetsite.celery import app


def test_expired_sessions_and_old_attempts_go_and_the_others_stay(db: None) -> None:
    now = timezone.now()
    for name, age in (("old", timedelta(days=91)), ("new", timedelta(minutes=1))):
        Session.objects.create(session_key=name, session_data="", expire_date=now - age)
        AccessAttempt.objects.create(username=name, ip_address="192.0.2.1", failures_since_start=1)
        AccessAttempt.objects.filter(username=name).update(attempt_time=now - age)
        AccessLog.objects.create(username=name, ip_address="192.0.2.1")
        AccessLog.objects.filter(username=name).update(attempt_time=now - age)
    Session.objects.create(session_key="live", session_data="", expire_date=now + timedelta(days=1))

    assert clear_expired_sign_ins() == {"sessions": 2, "failures": 1, "sign_ins": 1}

    assert [session.pk for session in Session.objects.all()] == ["live"]
    assert [attempt.username for attempt in AccessAttempt.objects.all()] == ["new"]
    assert [log.username for log in AccessLog.objects.all()] == ["new"]


def test_sweeping_is_planned_daily(settings: Any) -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["clear expired sign-ins"]

    assert (entry["task"], entry["schedule"]) == (clear_expired_sign_ins.name, crontab(hour=4, minute=30))
    app.loader.import_default_modules()
    assert entry["task"] in app.tasks
