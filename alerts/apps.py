from django.apps import AppConfig


class AlertsConfig(AppConfig):
    name = "alerts"

    def ready(self) -> None:
        from alerts import receivers, sights, tasks  # noqa: F401  (connects the signals, and registers what they start)
        from alerts.personal_data import register
        from alerts.selectors import alerts_open, still_open
        from alerts.services import outlook_news
        from alerts.services.mail_answer import acknowledgement_path
        from alerts.services.routing.receiving import receive
        from budgetsite.notifications.actions import MailAction, register_mail_action
        from budgetsite.notifications.news import register_question
        from budgetsite.outbox.consumers import Consumer, register_consumer
        from budgetsite.pages.navigation import register_counter

        register()
        sights.register()
        register_mail_action("alert", MailAction("Acknowledge it", acknowledgement_path))
        register_question("alert", still_open)
        register_consumer(Consumer("notifications", receive))
        register_consumer(Consumer("outlook of budgets", outlook_news.receive))

        register_counter("alerts_open", alerts_open)
