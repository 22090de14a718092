from django.apps import AppConfig


class LiveConfig(AppConfig):
    name = "budgetsite.live"
    label = "live"

    def ready(self) -> None:
        from budgetsite.live import receivers, sights  # noqa: F401  (connects the signals)
        from budgetsite.live.hub import hub
        from budgetsite.live.place import places
        from budgetsite.live.publishing import receive
        from budgetsite.operations.ending import register_ending
        from budgetsite.outbox.consumers import Consumer, register_consumer
        from budgetsite.pages.liveliness import register_places

        sights.register()
        register_ending(hub.close)
        register_consumer(Consumer("live", receive))
        register_places(places.now)
