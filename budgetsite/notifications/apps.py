from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "budgetsite.notifications"
    label = "notifications"
