"""What follows where mail was stopped and has a way again: a new e-mail address, or the old one after all."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal
from patients.access import record_access
from patients.contacts import contact_of, name_contact
from patients.models import Access, Contact, Patient, SuppressedAddress
from rentals.deciding import deciding
from rentals.models import Message, Paper, Reminder, StaffTask
from rentals.models.reminders import ReminderQuerySet
from rentals.papers.money import payer_lines
from rentals.reminders.addressees import address
from rentals.reminders.by_phone import NO_MAIL_CAN
from rentals.reminders.known import ENTRY_KINDS, suppressed_of
from rentals.reminders.occasions import number_in
from rentals.reminders.recipients import mail_address
from rentals.reminders.schedule import WORTH_TELLING
from rentals.reminders.suppression import owners_of

Channel = Reminder.Channel
CORRECTED = "The e-mail address was corrected."
LIFTED = "Mail goes to the address again."


def correct_contact(patient: Patient, *, at: datetime, actor: User, **details: Any) -> Contact:
    """Name the contact person of `patient` (`patients.contacts.name_contact`, with its refusals); what did not reach
    an earlier address is mailed to this one."""
    with deciding():
        before = contact_of(patient)
        contact = name_contact(patient, **details, at=at, actor=actor)
        if is_another(contact.email, before.email if before else ""):
            mail_again(patient, CORRECTED, at=at, actor=actor)
    return contact


def lift(suppressed: SuppressedAddress, *, at: datetime, actor: User) -> None:
    """Send to the address again: somebody has asked, and it is right. What was stopped and is still to tell is mailed
    after all, and staff are asked for another address no more. A change of its owners' records (I10).

    Raises `already_lifted` the second time.
    """
    with deciding():
        open_ones = SuppressedAddress.objects.filter(pk=suppressed.pk, lifted_at=None)
        if not open_ones.update(lifted_at=at, lifted_by=actor):
            raise Refusal("already_lifted", _("Mail goes to this address again already; nothing is left to do."))
        for owner in owners_of(suppressed.address, Patient.objects.all()):
            mail_again(owner, LIFTED, at=at, actor=actor)
        seen = owners_of(suppressed.address, Patient.objects.visible_to(actor))
        record_access(actor, seen.values_list("pk", flat=True), Access.Action.CHANGED, at)


def mail_again(patient: Patient, why: str, *, at: datetime, actor: User) -> None:
    """Where mail about `patient` was stopped, and the address of its reader takes mail by now: have what is still to
    tell mailed after all, and close what staff were asked for, with `why` as the note and nobody's name.

    What somebody has told by phone is told, and what is no news any more stays so. Each reminder is judged anew before
    it leaves (I8); the calls that nobody has made end with the mail. The caller holds the transaction.
    """
    reminders = without_receipts_of_other_payers(stopped_mail(patient, at))
    tasks = StaffTask.objects.filter(patient=patient, kind=StaffTask.Kind.ADDRESS, done_at=None)
    asked_after = {f"message {message.pk}": mail_address(message) for message in messages_of(tasks)}
    dead = suppressed_of({*map(address, reminders), *(one.lower() for one in asked_after.values())})
    again = [reminder for reminder in reminders if takes_mail(address(reminder), dead)]
    undecided = Message.objects.filter(reminders__in=again, state__in=Message.TO_DECIDE, decided_at=None)
    undecided.update(decision=Message.Decision.RESENT, decided_at=at, decided_by=actor)
    Reminder.objects.filter(pk__in=[one.pk for one in again]).update(void=False, why="", message=None)
    right = [subject for subject, one in asked_after.items() if takes_mail(one.lower(), dead)]
    tasks.filter(subject__in=right).update(done_at=at, note=why)


def stopped_mail(patient: Patient, at: datetime) -> list[Reminder]:
    """What no mail could tell about `patient` because of an address, and nobody has told by phone; of payments and
    refunds those of the last days, for nothing but their age ends them."""
    stopped: ReminderQuerySet = Reminder.objects.filter(
        rental__patient=patient, channel=Channel.EMAIL, void=True, why__in=NO_MAIL_CAN
    ).exclude(kind__in=ENTRY_KINDS, due_at__lte=at - timedelta(days=WORTH_TELLING))
    made = Reminder.objects.filter(
        rental__patient=patient, channel=Channel.PHONE, staff_task__done_by__isnull=False
    ).values_list("rental", "kind", "occasion", "recipient")
    told = set(made)
    rows = stopped.select_related("rental__patient__contact", "rental__payer")
    return [one for one in rows if (one.rental_id, one.kind, one.occasion, one.recipient) not in told]


def without_receipts_of_other_payers(reminders: list[Reminder]) -> list[Reminder]:
    """`reminders` without those to a payer whose receipt, already made, names another one: it is not theirs to read."""
    receipts = Paper.objects.filter(rental__in={one.rental_id for one in reminders}, kind=Paper.Kind.RECEIPT)
    payers = dict(receipts.order_by("version").values_list("facts__entry", "facts__payer__0"))

    def is_theirs(reminder: Reminder) -> bool:
        now = payer_lines(reminder.rental)[0]
        return reminder.recipient != Message.Recipient.PAYER or payers.get(number_in(reminder), now) == now

    return [reminder for reminder in reminders if is_theirs(reminder)]


def messages_of(tasks: Iterable[StaffTask]) -> Iterable[Message]:
    """The messages because of which staff were asked for an address."""
    numbers = [task.subject.removeprefix("message ") for task in tasks]
    wanted = [int(number) for number in numbers if number.isdecimal()]
    return Message.objects.filter(pk__in=wanted).select_related("patient__contact")


def is_another(address: str, before: str) -> bool:
    return address.lower() != before.lower()


def takes_mail(address: str, dead: Iterable[str]) -> bool:
    return bool(address) and address not in dead
