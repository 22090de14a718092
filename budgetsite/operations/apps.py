from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class OperationsConfig(AppConfig):
    name = "budgetsite.operations"
    label = "operations"

    def ready(self) -> None:
        from budgetsite.operations import checks, task_signals  # noqa: F401  (registers the checks)

        task_signals.connect()
        # Each app's own figures: `<app>/metrics.py`.
        autodiscover_modules("metrics")
