"""The page that reception lives on, and the choice of the site."""

from collections.abc import Iterable
from datetime import timedelta
from hashlib import sha256
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.safestring import mark_safe

from patients.models import Access
from rentals.desk.page import BasePage
from rentals.desk.sections import sections_of
from rentals.desk.sites import choose_site
from rentals.desk.today import LISTS, work_of

RECORDED_AGAIN_AFTER = timedelta(hours=1)


class Today(BasePage):
    """What waits for somebody at the desk; each patient shown is recorded.

    The open page asks for itself again each minute (`rentals/static/rentals/today.js`), and is sent only what changed.
    """

    action = "rentals.read"
    template = "rentals/desk/today.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        whole = request.GET.get("all", "")
        work = work_of(self.site, self.now, whole if whole in LISTS else "")
        context: dict[str, Any] = {"work": work, "sections": sections_of(work, self.actor), "whole": whole}
        lists = self.show(template="rentals/desk/today_work.html", **context).content
        seen = sha256(lists + repr(self.counts).encode()).hexdigest()
        asks_again = self.request.htmx.target == "work"
        self.record(self.newly_shown(work.patients) if asks_again else work.patients, Access.Action.LISTED)
        shown = {**context, "seen": seen, "lists": mark_safe(lists.decode())}  # noqa: S308 - made from our template
        return self.anew(seen, shown) if asks_again else self.show(**shown)

    def anew(self, seen: str, shown: dict[str, Any]) -> HttpResponse:
        """What replaces lists and counts; only the time where the browser has `seen` them as they are."""
        is_same = self.request.GET.get("seen") == seen
        answer = self.show(template="rentals/desk/today_anew.html", is_same=is_same, **shown)
        if is_same:
            answer.headers["HX-Reswap"] = "none"
        return answer

    def newly_shown(self, patients: Iterable[int]) -> set[int]:
        """Those of `patients` whom this user's lists have not been recorded to show within the last hour (I10)."""
        shown = Access.objects.filter(user=self.actor, action=Access.Action.LISTED, patient__in=patients)
        lately = shown.filter(at__gt=self.now - RECORDED_AGAIN_AFTER)
        return set(patients) - set(lately.values_list("patient", flat=True))


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
