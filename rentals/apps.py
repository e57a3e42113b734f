from django.apps import AppConfig


class RentalsConfig(AppConfig):
    name = "rentals"

    def ready(self) -> None:
        from anymail.signals import tracking

        from rentals.reminders.webhooks import hear

        tracking.connect(hear, dispatch_uid="rentals.reminders.webhooks")
