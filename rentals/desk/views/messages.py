"""Messages at the desk: one that was sent, what is decided about it, and whether all of them leave and arrive."""

from collections.abc import Callable

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext as _

from config.refusals import Refusal
from patients.models import Access, Patient, SuppressedAddress
from rentals import tasks
from rentals.correction.address import lift
from rentals.desk.mail_ways import ways_to_hear
from rentals.desk.page import BasePage
from rentals.desk.told import can_be_sent_again
from rentals.desk.watch import watch
from rentals.links import revoke_links
from rentals.models import Message, Rental
from rentals.reminders.decide import decide
from rentals.reminders.resend import resend, why_passed
from rentals.reminders.suppression import owners_of


class Messages(BasePage):
    """Whether messages leave and arrive at the chosen site; each patient shown is recorded."""

    action = "messages.watch"
    template = "rentals/desk/messages.html"

    def get(self, request: HttpRequest) -> HttpResponse:
        watched = watch(self.site, self.now)
        self.record(watched.patients, Access.Action.LISTED)
        return self.show(watched=watched, heard_by=ways_to_hear(), per_minute=settings.EMAIL_PER_MINUTE)


class OneMessage(BasePage):
    """What a patient was told, word for word; recorded as a read."""

    action = "rentals.read"
    template = "rentals/desk/message.html"

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = message_seen(self, pk)
        self.record([message.patient_id])
        return self.show(
            message=message,
            passed=why_passed(message, self.now),
            can_be_sent_again=can_be_sent_again(message, self.actor),
        )


class BaseVerb(BasePage):
    """A button about one thing: what was refused is said where the button stood."""

    def do(self, verb: Callable[[], object], said: str, back: str, refused_to: str = "") -> HttpResponseRedirect:
        try:
            verb()
        except Refusal as refusal:
            messages.error(self.request, refusal.message)
            return self.go(refused_to or back)
        return self.go(back, said)


class Decide(BaseVerb):
    """What somebody decided about a message that did not arrive."""

    action = "rentals.tell"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = message_seen(self, pk)
        return self.do(
            lambda: decide(message, decision_in(request), at=self.now, actor=self.actor),
            _("Recorded."),
            reverse("today"),
            refused_to=reverse("message", args=[pk]),
        )


class Resend(BaseVerb):
    """A message once more, because somebody says so."""

    action = "rentals.resend"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        message = message_seen(self, pk)
        return self.do(
            lambda: tasks.poke([resend(message, at=self.now, actor=self.actor).pk]),
            _("It is sent again, in the hours in which messages leave."),
            reverse("message", args=[pk]),
        )


class Lift(BaseVerb):
    """An address is right after all: mail goes there again."""

    action = "patients.contact"

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        suppressed = get_object_or_404(SuppressedAddress, pk=pk)
        owner = owners_of(suppressed.address, Patient.objects.visible_to(self.actor)).first()
        if owner is None:
            raise Http404("nobody here has this address")
        return self.do(
            lambda: lift(suppressed, at=self.now, actor=self.actor),
            _("Mail goes to this address again."),
            reverse("patient", args=[owner.pk]),
        )


class CloseLinks(BaseVerb):
    """The links in the mails about a rental open nothing any more: somebody else reads that mail, say."""

    action = "patients.contact"

    def post(self, request: HttpRequest, reference: str) -> HttpResponse:
        rental = get_object_or_404(Rental.objects.visible_to(self.actor), reference=reference)
        return self.do(
            lambda: revoke_links(rental, at=self.now, actor=self.actor),
            _("The links mailed until now open nothing any more; the next mail brings a new one."),
            reverse("rental", args=[reference]),
        )


def decision_in(request: HttpRequest) -> Message.Decision:
    """What was pressed; to send again is a verb of its own."""
    decision = request.POST.get("decision", "")
    if decision not in {Message.Decision.TOLD, Message.Decision.NOT_NEEDED}:
        raise Refusal("invalid", _("Say what was decided: use one of the buttons."), status=400)
    return Message.Decision(decision)


def message_seen(page: BasePage, pk: int) -> Message:
    """The message, if the user may see it; else 404."""
    seen = Message.objects.visible_to(page.actor)
    related = seen.select_related("patient__clinic", "decided_by", "resend_of", "resent_as")
    return get_object_or_404(related.prefetch_related("reports", "reminders__rental__clinic"), pk=pk)
