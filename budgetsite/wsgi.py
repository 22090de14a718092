"""The web process's entry point. It refuses to start on a database that would let requests cross tenants."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "budgetsite.settings.production")

application = get_wsgi_application()

from budgetsite.tenancy.checks import refuse_unsafe_database  # noqa: E402  (needs the apps)

refuse_unsafe_database()
