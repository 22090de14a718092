"""The site, and what every app stands on."""

import gc

# A start makes hundreds of thousands of things that stay. By Python's own measure they would be searched for garbage
# after every seven hundred, which is a fifth of the time that starting takes.
gc.set_threshold(50_000, 10, 10)

from budgetsite.celery import app as celery_app  # noqa: E402  (it is that start)

__all__ = ["celery_app"]
