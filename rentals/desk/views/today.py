"""The page that reception lives on, and the choice of the site."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from config.models import Clinic
from patients.models import Access
from rentals.desk.page import BasePage
from rentals.desk.sites import choose_site
from rentals.desk.today import work_of


class Today(BasePage):
    """What waits for somebody at the desk; each patient shown is recorded."""

    action = "rentals.read"
    template = "rentals/desk/today.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        work = work_of(self.site, self.now)
        self.record(work.patients, Access.Action.LISTED)
        return self.show(work=work)


class ChooseSite(BasePage):
    """Work at another of one's sites from here on."""

    action = "clinics.read"

    def post(self, request: HttpRequest, *args: Any) -> HttpResponse:
        number = request.POST.get("site", "")
        sites = Clinic.objects.filter(pk__in=[site.pk for site in self.sites])
        choose_site(request, get_object_or_404(sites, pk=int(number) if number.isdigit() else 0))
        return self.go("/")
