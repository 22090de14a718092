from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "budgetsite.outbox"
    label = "outbox"
