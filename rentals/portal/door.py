"""Where a link in a mail leads: a page that asks for the date of birth."""

from django.http import HttpRequest, HttpResponse
from django.views import View

from rentals.portal.page import BirthForm, for_patients, show


class Door(View):
    """Opening the link changes nothing and shows nothing of anybody: mail scanners do that, some of them twice."""

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        return show(request, "door", form=BirthForm())


door = for_patients(Door.as_view())
