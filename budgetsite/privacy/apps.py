from django.apps import AppConfig


class PrivacyConfig(AppConfig):
    name = "budgetsite.privacy"
    label = "privacy"
