from django.apps import AppConfig


class ConfigConfig(AppConfig):
    name = "config"
    verbose_name = "Clinic set-up"

    def ready(self) -> None:
        from config import checks  # noqa: F401  (registers the system checks)
        from config.sentences import speak_plainly

        speak_plainly()
