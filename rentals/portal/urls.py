"""The addresses of the patients' pages. `config/keys.py` keeps their keys out of what is written down."""

from django.urls import path

from rentals.portal import views

urlpatterns = [
    path("offers/<str:key>/", views.offer_page, name="offer"),
]
