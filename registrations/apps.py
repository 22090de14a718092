from django.apps import AppConfig


class RegistrationsConfig(AppConfig):
    name = "registrations"

    def ready(self) -> None:
        from registrations import receivers, sights  # noqa: F401  (connects them)
        from registrations.personal_data import register

        register()
        sights.register()
