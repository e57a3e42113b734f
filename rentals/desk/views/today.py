"""The page that reception lives on, and the choice of the site."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse

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
        wanted = request.POST.get("site")
        site = next((site for site in self.sites if str(site.pk) == wanted), None)
        if site is None:
            raise Http404
        choose_site(request, site)
        return self.go(reverse("today"))
