"""The web process's entry point: the site of `budgetsite.wsgi` in threads, and streams that need none."""

from budgetsite.wsgi import application as site

# What follows needs the apps, which are loaded with the site.
# isort: split
from django.conf import settings

from budgetsite.live.hub import hub
from budgetsite.live.streaming import LiveAnswers
from budgetsite.live.threads import InThreads

application = LiveAnswers(InThreads(site, workers=settings.WEB_THREADS), hub)
