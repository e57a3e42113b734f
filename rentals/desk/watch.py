"""Whether messages leave and arrive: what is late, failed, in doubt or came back at one site."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from django.db.models import Count, Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Lower

from config.health import Silence, silences
from config.models import Clinic
from patients.models import Contact, Patient, Payer, SuppressedAddress
from rentals.models import Message, MessageReport, Reminder
from rentals.reminders.outbox import to_send
from rentals.reminders.rate import left_this_minute

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


DAYS_COUNTED = timedelta(days=7)
MOST_SHOWN = 25
Kind = MessageReport.Kind


@dataclass(frozen=True)
class Stopped:
    """An address that gets no mail, and whose it is at this site."""

    row: SuppressedAddress
    patients: list[Patient]


@dataclass(frozen=True)
class Watched:
    """All that the page shows of one site; lists begin with the oldest and hold no more than `MOST_SHOWN`."""

    late: list[Message]
    late_in_all: int
    unplanned: list[Reminder]
    unplanned_in_all: int
    to_decide: list[Message]
    to_decide_in_all: int
    counts: "list[tuple[StrOrPromise, int]]"
    heard: "list[tuple[StrOrPromise, int]]"
    stopped: list[Stopped]
    silent: list[Silence]
    left_this_minute: int | None

    @property
    def patients(self) -> set[int]:
        """Ids of the patients whose records are shown."""
        messages = {message.patient_id for message in (*self.late, *self.to_decide)}
        return messages | {reminder.rental.patient_id for reminder in self.unplanned} | {
            patient.pk for one in self.stopped for patient in one.patients
        }  # fmt: skip


def watch(site: Clinic, at: datetime) -> Watched:
    """What stands so at `site` at the moment `at`, in a fixed number of queries."""
    here = Message.objects.filter(patient__clinic=site)
    late = here.filter(to_send(at) | Q(state=Message.State.SENDING, lease_until__lte=at))
    waiting, to_decide = unplanned(site, at), here.to_decide()
    return Watched(
        late=shown(late.order_by("created_at", "pk")),
        late_in_all=late.count(),
        unplanned=list(waiting[:MOST_SHOWN]),
        unplanned_in_all=waiting.count(),
        to_decide=shown(to_decide),
        to_decide_in_all=to_decide.count(),
        counts=counted(here.filter(created_at__gt=at - DAYS_COUNTED), "state", Message.State.choices),
        heard=counted(
            MessageReport.objects.filter(message__patient__clinic=site, heard_at__gt=at - DAYS_COUNTED),
            "kind",
            Kind.choices,
        ),
        stopped=stopped(site),
        silent=silences(),
        left_this_minute=left_this_minute(at),
    )


def shown(messages: QuerySet[Message]) -> list[Message]:
    return list(messages.select_related("patient")[:MOST_SHOWN])


def unplanned(site: Clinic, at: datetime) -> QuerySet[Reminder]:
    """Reminders that have fallen due and that no message carries: waiting for sending hours, or for a device."""
    waiting = Reminder.objects.filter(void=False, message=None, channel=Reminder.Channel.EMAIL, due_at__lte=at)
    return waiting.filter(rental__clinic=site).select_related("rental__patient").order_by("due_at", "pk")


def counted(
    rows: QuerySet, column: str, choices: "Iterable[tuple[str, StrOrPromise]]"
) -> "list[tuple[StrOrPromise, int]]":
    """How many rows have which of the choices, in their words."""
    counts = dict(rows.order_by().values_list(column).annotate(Count("pk")))
    return [(words, counts[value]) for value, words in choices if value in counts]


def stopped(site: Clinic) -> list[Stopped]:
    """The addresses of the site's people to which nothing is sent, the latest first."""
    people = {
        "email": Patient.objects.filter(clinic=site),
        "contact__email": Contact.objects.filter(patient__clinic=site),
        "payers__email": Payer.objects.filter(patient__clinic=site),
    }
    mine = [Exists(rows.filter(email__lower=OuterRef("address"))) for rows in people.values()]
    rows = SuppressedAddress.objects.filter(mine[0] | mine[1] | mine[2], lifted_at=None)
    addresses = list(rows.order_by("-since", "-pk")[:MOST_SHOWN])
    owners: dict[str, dict[int, Patient]] = {row.address: {} for row in addresses}
    for column in people:
        having = Patient.objects.filter(clinic=site).annotate(stopped=Lower(column)).filter(stopped__in=list(owners))
        for patient in having:
            owners[patient.stopped][patient.pk] = patient
    return [Stopped(row, list(owners[row.address].values())) for row in addresses]
