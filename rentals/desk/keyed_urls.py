"""The addresses that a key opens, without a sign-in. `config/keys.py` keeps their keys out of what is written down."""

from django.urls import path

from rentals.desk.views import feeds

urlpatterns = [
    path("calendar/<str:key>.ics", feeds.calendar, name="calendar"),
]
