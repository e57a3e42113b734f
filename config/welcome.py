"""The page behind a link to a member of staff, on which a password is chosen."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.password_validation import password_validators_help_texts
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import method_decorator
from django.utils.functional import lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views import View
from django.views.decorators.cache import never_cache

from config.models import Invitation
from config.refusals import Refusal
from config.staff import choose_password, link_of
from config.tries import count_wrong_key, tried_too_often

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def new_password(label: "StrOrPromise", **kwargs: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": "new-password"})
    return forms.CharField(label=label, max_length=200, strip=False, widget=widget, **kwargs)


def advice() -> str:
    """What a password must be like."""
    return " ".join(password_validators_help_texts())


class PasswordForm(forms.Form):
    """The password, twice."""

    password = new_password(gettext_lazy("Password"), help_text=lazy(advice, str)())
    again = new_password(gettext_lazy("The same once more"))

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        if "password" in given and "again" in given and given["password"] != given["again"]:
            self.add_error("again", _("The two are not the same; write them anew."))
        return given


@method_decorator([login_not_required, never_cache], name="dispatch")
class Welcome(View):
    """Looking at it changes nothing, for mail scanners open every link. A wrong, a used, an expired and a revoked key
    get one and the same answer."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        self.now = timezone.now()  # the one moment of this request, UTC
        self.link = None if tried_too_often(request, self.now) else link_of(kwargs["key"], self.now)
        if self.link is None:
            return self.nothing()
        return super().dispatch(request, *args, **kwargs)

    def nothing(self) -> HttpResponse:
        """What every key gets that opens nothing."""
        count_wrong_key(self.request, self.now)
        return render(self.request, "config/welcome_closed.html", status=404)

    def get(self, request: HttpRequest, key: str) -> HttpResponse:
        return self.show(PasswordForm())

    def post(self, request: HttpRequest, key: str) -> HttpResponse:
        form = PasswordForm(request.POST)
        if not form.is_valid():
            return self.show(form, status=422)
        try:
            user = choose_password(key, form.cleaned_data["password"], at=self.now)
        except Refusal as refusal:
            form.add_error(refusal.field, refusal.message)
            return self.show(form, status=refusal.status)
        if user is None:
            return self.nothing()
        messages.success(request, _("The password of %(user)s is set. Sign in with it now.") % {"user": user.username})
        return HttpResponseRedirect(reverse("sign-in"))

    def show(self, form: PasswordForm, status: int = 200) -> HttpResponse:
        link: Invitation | None = self.link
        return render(self.request, "config/welcome.html", {"form": form, "link": link}, status=status)
