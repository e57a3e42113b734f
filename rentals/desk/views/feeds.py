"""Calendar feeds: made and revoked at the desk, read by calendar programs without a sign-in."""

from functools import partial
from typing import Any

from django import forms
from django.contrib.auth.decorators import login_not_required
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import conditional_page, require_safe

from rentals.desk.forms.feeds import FeedForm
from rentals.desk.page import BaseFormPage
from rentals.feeds import calendar_of, make_feed, read_feed, revoke_feed
from rentals.models import CalendarFeed

NEW_KEY = "new-feed-key"  # in the session, from the moment it is made until it is shown
MOST_REVOKED = 20


class Feeds(BaseFormPage):
    """The feeds of the chosen site, and a form for one more; its address is shown this once."""

    action = "feeds.manage"
    template = "rentals/desk/feeds.html"
    form_class = FeedForm

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        feed, key = make_feed(self.site, **given, at=self.now, actor=self.actor)
        self.request.session[NEW_KEY] = key
        return self.go(reverse("feeds"), _("The feed for %(whom)s is made.") % {"whom": feed.name})

    def context(self) -> dict[str, Any]:
        feeds = CalendarFeed.objects.filter(clinic=self.site).select_related("created_by", "revoked_by")
        key = self.request.session.pop(NEW_KEY, "")
        return {
            "address": key and self.request.build_absolute_uri(reverse("calendar", args=[key])),
            "feeds": feeds.filter(revoked_at=None),
            "revoked": feeds.exclude(revoked_at=None).order_by("-revoked_at")[:MOST_REVOKED],
        }


class RevokeFeed(BaseFormPage):
    """Close a feed for good, after a second look: whoever reads it has to be given a new address."""

    action = "feeds.manage"
    template = "rentals/desk/feeds_revoke.html"
    form_class = forms.Form

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        visible = CalendarFeed.objects.filter(clinic__in=request.user.visible_clinics())  # type: ignore[union-attr]
        self.feed = get_object_or_404(visible.select_related("clinic"), pk=kwargs["pk"])
        return super().dispatch(request, *args, **kwargs)

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        revoke_feed(self.feed, at=self.now, actor=self.actor)
        said = _("The feed for %(whom)s is revoked; its address opens nothing now.") % {"whom": self.feed.name}
        return self.go(reverse("feeds"), said)

    def context(self) -> dict[str, Any]:
        return {"feed": self.feed, "back": reverse("feeds")}


@login_not_required
@csrf_exempt  # nothing but reading is possible here, and every other method gets the same answer
@require_safe
@conditional_page
def calendar(request: HttpRequest, key: str) -> HttpResponse:
    """The feed that `key` opens. A program may keep it, but asks each time whether it has changed or was revoked."""
    now = timezone.now()
    feed = read_feed(key, at=now)
    if feed is None:
        raise Http404
    return HttpResponse(
        calendar_of(feed, at=now, address_of=partial(page_of, request)),
        content_type="text/calendar; charset=utf-8",
        headers={"Cache-Control": "private, no-cache", "Referrer-Policy": "no-referrer"},
    )


def page_of(request: HttpRequest, reference: str) -> str:
    """The whole address of a rental's page, under the name by which `request` reached us."""
    return request.build_absolute_uri(reverse("rental", args=[reference]))
