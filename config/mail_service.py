"""Where a mail service reports: the webhooks of django-anymail, which check its signature and WEBHOOK_SECRET."""

from anymail.urls import urlpatterns
from django.urls import URLPattern


def webhooks(service: str) -> list[URLPattern]:
    """The addresses for reports by the mail service of this name; none without a service, nor for mail to us."""
    names = {f"{service}_tracking_webhook", f"{service}_webhook"}
    return [pattern for pattern in urlpatterns if pattern.name in names]
