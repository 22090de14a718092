from django.apps import AppConfig


class AblyConfig(AppConfig):
    name = "budgetsite.ably"
    label = "ably"

    def ready(self) -> None:
        from budgetsite.ably.services import receive
        from budgetsite.outbox.consumers import Consumer, register_consumer

        register_consumer(Consumer("ably", receive))
