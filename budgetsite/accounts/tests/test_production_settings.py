"""What the site says about itself on real servers: asked of a process with the production settings."""

import json
import os
import subprocess
import sys

from django.conf import settings

ASK = """
import json
import django
django.setup()
from django.conf import settings
from django.core.checks import run_checks
from django.middleware.security import SecurityMiddleware
from django.http import HttpResponse
from django.test import RequestFactory

answer = SecurityMiddleware(lambda request: HttpResponse())
secure = answer(RequestFactory().get("/sign-in", secure=True, headers={"Host": "budgets.example.org"}))
plain = answer(RequestFactory().get("/sign-in", headers={"Host": "budgets.example.org"}))
health = answer(RequestFactory().get("/healthz", headers={"Host": "budgets.example.org"}))
print(json.dumps({
    "hsts": secure["Strict-Transport-Security"],
    "plain": [plain.status_code, plain["Location"]],
    "health": health.status_code,
    "cookies": [settings.SESSION_COOKIE_SECURE, settings.CSRF_COOKIE_SECURE, settings.SESSION_COOKIE_HTTPONLY],
    "debug": settings.DEBUG,
    "warnings": [check.id for check in run_checks(tags=["security"], include_deployment_checks=True)
                 if not check.is_silenced()],
}))
"""


def test_production_speaks_https_alone_and_passes_the_deployment_checks() -> None:
    environment = os.environ | {
        "DJANGO_SETTINGS_MODULE": "budgetsite.settings.production",
        "ALLOWED_HOSTS": "budgets.example.org",
        "SITE_ADDRESS": "https://budgets.example.org",
        "RECEIPTS_FOLDER": "/var/lib/budgetsite/receipts",
        "SECRET_KEY": "a secret key of a real server, as long as it has to be: 0123456789 ABCDEFGHIJ",
    }

    asked = subprocess.run(
        [sys.executable, "-c", ASK], cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True, timeout=60
    )

    assert asked.returncode == 0, asked.stderr
    assert json.loads(asked.stdout.splitlines()[-1]) == {
        "hsts": "max-age=31536000; includeSubDomains; preload",
        "plain": [301, "https://budgets.example.org/sign-in"],
        "health": 200,
        "cookies": [True, True, True],
        "debug": False,
        "warnings": [],
    }
