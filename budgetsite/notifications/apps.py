from django.apps import AppConfig


class NotificationsConfig(AppConfig):
    name = "budgetsite.notifications"
    label = "notifications"

    def ready(self) -> None:
        from budgetsite.notifications.personal_data import register
        from budgetsite.notifications.selectors import unread_count
        from budgetsite.pages.navigation import register_counter

        register()
        register_counter("notifications_unread", unread_count)
