from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "budgetsite.accounts"
    label = "accounts"
