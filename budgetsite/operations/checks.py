"""`manage.py check --deploy` asks whether the figures would be those of all processes."""

import os
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.checks import CheckMessage, Tags, register

from budgetsite.operations.figures_folder import VARIABLE


@register(Tags.compatibility, deploy=True)
def check_figures_are_shared(**kwargs: Any) -> list[CheckMessage]:
    if settings.METRICS_TOKEN and not os.environ.get(VARIABLE):
        message = f"{VARIABLE} names no folder: /metrics tells what one web process of several has counted."
        return [
            checks.Warning(
                message, hint="Name a folder that the site's processes on this machine share.", id="operations.W001"
            )
        ]
    return []
