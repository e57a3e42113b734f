from django.urls import include, path
from django.views.generic import RedirectView

from config import health

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="docs")),  # until there is a desk to open on
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("api/v1/", include("rentals.api.urls")),
]
