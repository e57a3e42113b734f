"""The addresses of the patients' pages. `config/keys.py` keeps their keys out of what is written down."""

from django.urls import path

from rentals.portal.door import door
from rentals.portal.offer import offer_page

urlpatterns = [
    path("offers/<str:key>/", offer_page, name="offer"),
    path("p/<str:key>/", door, name="portal"),
]
