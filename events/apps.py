from django.apps import AppConfig


class EventsConfig(AppConfig):
    name = "events"

    def ready(self) -> None:
        from events import sights
        from events.personal_data import register

        register()
        sights.register()
