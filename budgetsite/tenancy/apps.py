from django.apps import AppConfig


class TenancyConfig(AppConfig):
    name = "budgetsite.tenancy"
    label = "tenancy"

    def ready(self) -> None:
        from budgetsite.tenancy import checks  # noqa: F401  (registers the system checks)
