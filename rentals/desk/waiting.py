"""What the desk shows of the waiting list: who is asked and has not answered, and who waits, in their order."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import Prefetch

from config.models import Clinic
from patients.models import Patient
from rentals.models import Holding, Reminder, Rental
from rentals.reminders.judge import why_not_patient

NOT_TOLD = {"void", "failed", "unknown"}


@dataclass(frozen=True)
class Asked:
    """An open offer, the device that it holds ("" where that was taken away), and the mail about it."""

    rental: Rental
    device: str
    mail: Reminder | None

    @property
    def to_phone(self) -> bool:
        return has_to_be_phoned(self.rental.patient, self.mail)


@dataclass(frozen=True)
class Waiting:
    """One site's open offers, what runs out first before the rest, and who waits, the next one first."""

    offered: list[Asked]
    waiting: list[Rental]

    @property
    def patients(self) -> set[int]:
        """Ids of the patients whose records are shown."""
        return {rental.patient_id for rental in [*(asked.rental for asked in self.offered), *self.waiting]}


def waiting_at(site: Clinic) -> Waiting:
    """The waiting list of `site` and its open offers, in a fixed number of queries."""
    rentals = Rental.objects.filter(clinic=site).select_related("patient", "clinic")
    told = Reminder.objects.filter(kind=Reminder.Kind.OFFER).select_related("message", "staff_task")
    held = Holding.objects.filter(live=True).select_related("device")
    offered = rentals.offered().prefetch_related(
        Prefetch("reminders", told, to_attr="told"), Prefetch("holdings", held, to_attr="held")
    )
    return Waiting([asked(rental) for rental in offered], list(rentals.waiting()))


def asked(rental: Any) -> Asked:
    device = next((holding.device for holding in rental.held), None)
    return Asked(rental, device.serial if device else "", mail_about_offer(rental.told))


def mail_about_offer(reminders: Iterable[Reminder]) -> Reminder | None:
    """The last reminder about an offer; an earlier one told of an earlier offer."""
    offers = [reminder for reminder in reminders if reminder.kind == Reminder.Kind.OFFER]
    return max(offers, key=lambda reminder: reminder.pk, default=None)


def has_to_be_phoned(patient: Patient, mail: Reminder | None) -> bool:
    """Whether no `mail` tells the patient of an open offer, and none will."""
    state = mail.state_shown if mail else "void"
    return state in NOT_TOLD or (state != "sent" and why_not_patient(patient) is not None)
