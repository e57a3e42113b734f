"""The addresses of the patients' pages. `config/keys.py` keeps their keys out of what is written down; behind the door
(`p/`) no address has one."""

from django.urls import path

from rentals.portal import asking, documents, home, treatments
from rentals.portal.door import door, sign_out
from rentals.portal.offer import offer_page
from rentals.portal.unsubscribe import unsubscribe_page

urlpatterns = [
    path("offers/<str:key>/", offer_page, name="offer"),
    path("unsubscribe/<str:key>/", unsubscribe_page, name="unsubscribe"),
    path("p/<str:key>/", door, name="portal"),
    path("my/", home.home, name="my-hire"),
    path("my/days/", treatments.days, name="my-days"),
    path("my/care/", home.care, name="my-care"),
    path("my/documents/", documents.documents, name="my-documents"),
    path("my/documents/<int:pk>/", documents.download, name="my-document"),
    path("my/documents/statement/", documents.statement, name="my-statement"),
    path("my/sign/", documents.sign, name="my-sign"),
    path("my/extension/", asking.extension, name="my-extension"),
    path("my/return/", asking.return_slot, name="my-return"),
    path("my/problem/", asking.problem, name="my-problem"),
    path("my/healed/", asking.healed, name="my-healed"),
    path("my/preferences/", asking.preferences, name="my-preferences"),
    path("my/sign-out/", sign_out, name="my-sign-out"),
]
