from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "budgetsite.accounts"
    label = "accounts"

    def ready(self) -> None:
        from budgetsite.accounts import checks  # noqa: F401  (registers the checks)
