from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "budgetsite.privacy"
    label = "privacy"

    def ready(self) -> None:
        from budgetsite.privacy.personal_data import register

        register()
