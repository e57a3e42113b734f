"""What all pages of the desk have in common: who may open them, for which site, one moment, and how a no is shown."""

import re
from collections.abc import Callable, Iterable
from datetime import date
from typing import Any, ClassVar

from django.contrib import messages
from django.core.exceptions import ImproperlyConfigured
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.views import View
from django.views.decorators.cache import never_cache
from django_htmx.middleware import HtmxDetails

from config.models import User
from config.refusals import Refusal
from config.roles import MATRIX, may
from patients.access import record_access
from patients.models import Access
from rentals.desk.counts import counts_of
from rentals.desk.once import act_once, answered_before
from rentals.desk.sites import chosen_site
from rentals.desk.ways import ON_TODAY, WAYS, Way, here

PLACE_IN_ROW = re.compile(r"at-[\w-]+")  # ids of the places in the rows of a list where a page may be opened


class DeskRequest(HttpRequest):
    """What the middleware has made of a request by the time a page sees it."""

    user: User
    htmx: HtmxDetails


@method_decorator(never_cache, name="dispatch")  # what stands on a page is for the one who signed in
class BasePage(View):
    """A page that shows `template` to those whose role allows `action`."""

    action: ClassVar[str]
    template: ClassVar[str]
    request: DeskRequest

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse, when the code is loaded, a page about whose readers nobody has decided."""
        super().__init_subclass__(**kwargs)
        if not cls.__name__.startswith("Base") and getattr(cls, "action", None) not in MATRIX:
            raise ImproperlyConfigured(f"{cls.__name__} names no action of config/roles.py.")

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.now = timezone.now()  # the one moment of this request, UTC
        if not may(self.actor, self.action):
            return render(request, "403.html", status=403)
        self.sites = list(self.actor.visible_clinics())
        self.site = chosen_site(request, self.sites)
        answer = super().dispatch(request, *args, **kwargs)
        # Opened in a row, there is nowhere to be led to: the row shows what would have stood on top there.
        led_on = self.in_row and isinstance(answer, HttpResponseRedirect)
        return self.show(template="rentals/desk/row_said.html") if led_on else answer

    @property
    def in_row(self) -> bool:
        """Whether the page is opened inside the row of a list: the same page, without what stands around it."""
        htmx = self.request.htmx
        return bool(htmx) and PLACE_IN_ROW.fullmatch(htmx.target or "") is not None

    @cached_property
    def counts(self) -> dict[str, int]:
        """How much waits, for the menu."""
        return counts_of(self.site, self.sites, self.now)

    @property
    def actor(self) -> User:
        return self.request.user

    @property
    def today(self) -> date:
        """The chosen site's local day."""
        return self.site.day_of(self.now)

    def ways(self) -> list[tuple[Way, int]]:
        """The entries of the menu for this user, each with how much waits there."""
        return [(way, self.counts.get(way.counted, 0)) for way in WAYS if may(self.actor, way.action)]

    def pressing(self) -> list[tuple[str, str, int]]:
        """What waits on Today's page and is told on all of them: where it stands there, its words, how much."""
        return [(part, str(words), self.counts[name]) for name, part, words in ON_TODAY if self.counts[name]]

    def record(self, patients: Iterable[int], action: Access.Action = Access.Action.READ) -> None:
        """Write down that the page shows the records of `patients` (ids) (I10)."""
        record_access(self.actor, patients, action, self.now)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """What takes only forms leads home when its address is opened, after a sign-in for instance."""
        return self.go(reverse("today")) if request.method == "GET" else super().http_method_not_allowed(request)

    def show(self, *, status: int = 200, template: str = "", **context: Any) -> HttpResponse:
        """The page with `context`, or the part of it that stands in `template`."""
        surroundings = {
            "page": self,
            "site": self.site,
            "sites": self.sites,
            "today": self.today,
            "now": self.now,
            "allowed": {action for action in MATRIX if may(self.actor, action)},
            "here": here(self.request.path),
            "in_row": self.in_row,
            "frame": "rentals/desk/in_row.html" if self.in_row else "rentals/desk/base.html",
        }
        return render(self.request, template or self.template, {**surroundings, **context}, status=status)

    def go(self, address: str, said: str = "") -> HttpResponseRedirect:
        """On to `address`, where `said` stands on top."""
        if said:
            messages.success(self.request, said)
        return HttpResponseRedirect(address)


class BaseFormPage(BasePage):
    """A page with one form. What sending it does stands in `act`: call one verb, say where to go on."""

    form_class: ClassVar[type[BaseForm]]
    act: Callable[..., HttpResponseRedirect]
    refusal: Refusal | None = None

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return self.show_form(self.make_form())

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        form = self.make_form(request.POST, request.FILES)
        try:
            # First, for what the first one did may have left its twin without a choice that is valid.
            if before := answered_before(request, self.actor):
                return before
            if not form.is_valid():
                return self.show_form(form, status=422)
            return act_once(request, self.actor, self.now, lambda: self.act(form.cleaned_data))
        except Refusal as refusal:
            self.refusal = refusal
            explain(form, refusal)
            return self.show_form(form, status=refusal.status)

    def make_form(self, *data: Any) -> Any:
        return self.form_class(*data, **self.form_arguments())

    def form_arguments(self) -> dict[str, Any]:
        return {}

    def show_form(self, form: BaseForm, status: int = 200) -> HttpResponse:
        return self.show(form=form, refusal=self.refusal, status=status, **self.context())

    def context(self) -> dict[str, Any]:
        """What the page shows beside its form."""
        return {}


def explain(form: BaseForm, refusal: Refusal) -> None:
    """Say the refusal at the field it is about, or above the form."""
    named = (refusal.field or "").replace(".", "_")
    form.add_error(named if named in form.fields else None, refusal.message)
