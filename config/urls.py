from django.contrib.auth.views import LogoutView
from django.urls import include, path

from config import health, pages

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("sign-in/", pages.SignIn.as_view(), name="sign-in"),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
    path("api/v1/", include("rentals.api.urls")),
    path("", include("rentals.desk.urls")),
]
