"""Who works here: invited, changed, switched off and on. The link behind which a password is chosen is mailed, or
shown once."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.core.mail import EmailMessage
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config import staff
from config.mail import Outcome, deliver
from config.models import ApiToken, User
from config.role_words import ROLES, matrix_in_words
from rentals.desk.forms.staff import InviteForm, WorkForm
from rentals.desk.page import BaseFormPage, BasePage

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


NEW_LINK = "new-staff-link"  # in the session, from the moment it is made until it is shown: whose it is, and its key

# Nobody knows yet which language the new one reads; the language of whoever invites is the best guess.
MAIL = gettext_lazy("""\
%(actor)s has given you a sign-in to Callus, the rental desk of your clinic, with the user name %(username)s.

Choose your password here, within seven days:
%(address)s

The link is good for one time. If you did not expect it, tell the clinic; nothing happens while nobody opens it.
""")


class Staff(BasePage):
    """Everybody whom the user may see, what each role may do, and the ways to change it."""

    action = "settings.read"
    template = "rentals/desk/staff.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        whose, key = request.session.pop(NEW_LINK, ("", ""))
        return self.show(
            people=self.people(),
            matrix=matrix_in_words(),
            roles=[role.label for role in ROLES],
            link_of=whose,
            link=key and request.build_absolute_uri(reverse("welcome", args=[key])),
            back=reverse("settings"),
        )

    def people(self) -> QuerySet[User]:
        """Those who can sign in first, by name, each with whether a link waits and a key of the API opens something."""
        links = staff.open_links(self.now).filter(user=OuterRef("pk"))
        tokens = ApiToken.objects.filter(user=OuterRef("pk"))
        people = staff.staff_seen_by(self.actor).prefetch_related("clinics")
        return people.annotate(invited=Exists(links), has_key=Exists(tokens)).order_by("-is_active", "username")


class BaseStaffPage(BaseFormPage):
    """A form about who works here. Whose link was `made`, and its key, is passed on once that is committed."""

    made: tuple[User, str] | None = None

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        answer = super().post(request, *args, **kwargs)
        if self.made:
            self.mail_or_show(*self.made)
        return answer

    def work_arguments(self) -> dict[str, Any]:
        """For a form with sites: those that this manager may give."""
        return {"clinics": self.actor.visible_clinics(), "sees_all": not self.actor.clinics.exists()}

    def mail_or_show(self, user: User, key: str) -> None:
        if not user.email or not (settings.EMAIL_URL or settings.EMAIL_SERVICE):
            self.request.session[NEW_LINK] = (user.username, key)
            return
        address = settings.PUBLIC_URL + reverse("welcome", args=[key])
        words = str(MAIL) % {"actor": self.actor.username, "username": user.username, "address": address}
        delivery = deliver(EmailMessage(_("Your sign-in to Callus"), words, to=[user.email]))
        if delivery.outcome is Outcome.ACCEPTED:
            mailed = _("The link to choose a password is mailed to %(address)s.")
            messages.success(self.request, mailed % {"address": user.email})
        else:
            failed = _("The mail to %(address)s did not leave; pass the link on yourself.")
            messages.warning(self.request, failed % {"address": user.email})
            self.request.session[NEW_LINK] = (user.username, key)


class Invite(BaseStaffPage):
    """Somebody new, who chooses a password behind a link."""

    action = "staff.manage"
    template = "rentals/desk/staff_invite.html"
    form_class = InviteForm

    def form_arguments(self) -> dict[str, Any]:
        return {**self.work_arguments(), "initial": {"role": User.Role.RECEPTION, "clinics": [self.site]}}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        self.made = staff.invite(**given, at=self.now, actor=self.actor)
        return self.go(reverse("staff"), _("%(person)s is invited.") % {"person": self.made[0].username})

    def context(self) -> dict[str, Any]:
        return {"back": reverse("staff")}


class BasePersonPage(BaseStaffPage):
    """A page about one person at the sites of the manager."""

    person: User

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.person = get_object_or_404(staff.staff_seen_by(request.user), pk=kwargs["pk"])  # type: ignore[arg-type]
        return super().dispatch(request, *args, **kwargs)

    def context(self) -> dict[str, Any]:
        return {"person": self.person, "back": reverse("staff")}


class ChangeWork(BasePersonPage):
    """Another role, other sites."""

    action = "staff.manage"
    template = "rentals/desk/staff_change.html"
    form_class = WorkForm

    def form_arguments(self) -> dict[str, Any]:
        present = {"role": self.person.role, "clinics": self.person.clinics.all()}
        return {**self.work_arguments(), "initial": present}

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        staff.change_work(self.person, **given, actor=self.actor)
        said = _("The work of %(person)s is changed, from the next click on.") % {"person": self.person.username}
        return self.go(reverse("staff"), said)


class BaseLinkPage(BasePersonPage):
    """A verb about one person that makes a link."""

    form_class = forms.Form
    verb: Callable[..., str]
    said: "StrOrPromise"  # names the person

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        self.made = self.person, type(self).verb(self.person, at=self.now, actor=self.actor)
        return self.go(reverse("staff"), str(self.said) % {"person": self.person.username})


class NewLink(BaseLinkPage):
    """A link for somebody who has lost the password, or never chose one."""

    action = "staff.manage"
    template = "rentals/desk/staff_link.html"
    verb = staff.new_link
    said = gettext_lazy("%(person)s has a new link; earlier ones open nothing.")


class SwitchOn(BaseLinkPage):
    """Let somebody in again."""

    action = "staff.manage"
    template = "rentals/desk/staff_on.html"
    verb = staff.switch_on
    said = gettext_lazy("%(person)s can sign in again, once a password is chosen.")


class SwitchOff(BasePersonPage):
    """Close every way in for somebody."""

    action = "staff.manage"
    template = "rentals/desk/staff_off.html"
    form_class = forms.Form

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        staff.switch_off(self.person, at=self.now, actor=self.actor)
        said = _("%(person)s is switched off: no sign-in, no key of the API.") % {"person": self.person.username}
        return self.go(reverse("staff"), said)
