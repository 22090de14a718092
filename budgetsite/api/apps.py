from django.apps import AppConfig


class ApiConfig(AppConfig):
    name = "budgetsite.api"
    label = "api"
