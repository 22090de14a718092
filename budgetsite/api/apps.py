from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "budgetsite.api"
    label = "api"

    def ready(self) -> None:
        from budgetsite.api import checks  # noqa: F401  (registers the checks)
