from django.apps import AppConfig


class WebhooksConfig(AppConfig):
    name = "budgetsite.webhooks"
    label = "webhooks"

    def ready(self) -> None:
        from budgetsite.outbox.consumers import Consumer, register_consumer
        from budgetsite.webhooks.services.fanout import receive

        register_consumer(Consumer("webhooks", receive))
