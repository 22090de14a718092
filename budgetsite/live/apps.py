from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "budgetsite.live"
    label = "live"

    def ready(self) -> None:
        from budgetsite.live import receivers, sights  # noqa: F401  (connects the signals)
        from budgetsite.live.hub import hub
        from budgetsite.live.publishing import receive
        from budgetsite.operations.ending import register_ending
        from budgetsite.outbox.consumers import Consumer, register_consumer

        sights.register()
        register_ending(hub.close)
        register_consumer(Consumer("live", receive))
