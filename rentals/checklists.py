"""Hand-over, return and inspection step by step: begun, interrupted, gone on with by anybody, finished by its verb."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils.translation import gettext as _

from config.models import Clinic, User
from config.refusals import Refusal, invalid
from config.words import grouped
from devices.models import Device, Inspection
from devices.readings import allowance_at, doubt_about
from patients.access import record_access
from patients.models import Access
from rentals import custody
from rentals.deciding import deciding, seen_device
from rentals.lifecycle import require
from rentals.models import Checklist, Photo, Rental
from rentals.models.states import State
from rentals.photos import SmallPhoto

Kind = Checklist.Kind
Answers = Mapping[str, Any]  # by the names of fields, as they were sent: a text, or texts where several may be ticked

VERBS = {Kind.HAND_OVER: "hand_over", Kind.TAKE_BACK: "take_back", Kind.INSPECTION: "inspect"}
MOST_PHOTOS = 12
LONGEST_ANSWER = 10_000  # characters; more than any field takes, so that what is too long is said at its field
DEVICE = "device"  # the answer that says which device the others are about


@dataclass(frozen=True)
class Kept:
    """What came of saving: the checklist as it is now, and how many photos it had no room for."""

    checklist: Checklist
    left_out: int


def going_on() -> QuerySet[Checklist]:
    """The open checklists whose end is still to come: nothing was handed over, taken back or inspected otherwise."""
    inspected = Inspection.objects.filter(device=OuterRef("device"), at__gte=OuterRef("changed_at"))
    return Checklist.objects.filter(
        Q(kind=Kind.HAND_OVER, rental__state=State.RESERVED, rental__offer_expires_at=None)
        | Q(kind=Kind.TAKE_BACK, rental__state=State.ACTIVE)
        | Q(kind=Kind.INSPECTION, rental__state=State.RETURNED)
        | Q(device__condition__in=custody.TO_INSPECT) & ~Exists(inspected),
        finished_at=None,
    )


def open_checklists(site: Clinic) -> list[Checklist]:
    """What was begun at `site` and not finished, oldest first, with rental, patient, device and who was there last."""
    here = going_on().filter(Q(rental__clinic=site) | Q(device__clinic=site))
    return list(here.select_related("rental__patient", "rental__clinic", "device__clinic", "started_by", "changed_by"))


def checklist_of(kind: Kind, about: Rental | Device) -> Checklist | None:
    """The open checklist of this kind of a rental, or of a device that no rental waits for; None where none is begun,
    or where the rental has another device than the one that it was begun with."""
    checklist = going_on().filter(kind=kind, **whose(about)).select_related("started_by", "changed_by").first()
    return None if checklist is None or is_about_another(checklist) else checklist


def whose(about: Rental | Device) -> dict[str, Rental | Device]:
    return {"rental": about} if isinstance(about, Rental) else {"device": about}


def is_about_another(checklist: Checklist) -> bool:
    """Whether the rental was given another device since the checklist was filled in."""
    filled_in_for = checklist.answers.get(DEVICE)
    if checklist.rental is None or not filled_in_for:
        return False
    return filled_in_for != str(device_of(checklist.kind, checklist.rental))


def device_of(kind: str, rental: Rental) -> int | None:
    """The id of the device that a checklist of this kind is about."""
    if kind != Kind.INSPECTION:
        return seen_device(rental)
    returned = custody.returned_device(rental)
    return returned.pk if returned else None


def keep(
    kind: Kind,
    about: Rental | Device,
    *,
    answers: Answers,
    shown: Answers,
    photos: Collection[SmallPhoto] = (),
    at: datetime,
    actor: User,
) -> Kept:
    """Begin the checklist or go on with it: keep what was changed of what was `shown`, and the photos that it has room
    for. Of two people at one checklist, who saved a field last wins, field by field.

    Raises `wrong_state` where the rental has moved on, `nothing_to_inspect` for such a device, `invalid` (400).
    """
    refuse_moved_on(kind, about)
    refuse_another_device(kind, about, answers)
    with deciding():
        checklist = begun(kind, about, at=at, actor=actor)
        before = shown if checklist.answers else {}
        changed = {name: cleaned(name, sent) for name, sent in answers.items() if sent != before.get(name)}
        checklist.answers = {**checklist.answers, **changed}
        checklist.changed_at, checklist.changed_by = at, actor
        checklist.save(update_fields=["answers", "changed_at", "changed_by"])
        left_out = add_photos(checklist, photos, at=at, actor=actor)
        record_change(checklist, at=at, actor=actor)
    return Kept(checklist, left_out)


def refuse_moved_on(kind: Kind, about: Rental | Device) -> None:
    """Nothing is kept for what is over: the rental is in another state, the device was inspected."""
    if isinstance(about, Rental):
        require(about, VERBS[kind])
    else:
        custody.refuse_nothing_to_inspect(about)


def refuse_another_device(kind: Kind, about: Rental | Device, answers: Answers) -> None:
    """What was read off one device is never written down for another one that the rental has by now."""
    filled_in_for = answers.get(DEVICE)
    if isinstance(about, Rental) and filled_in_for and filled_in_for != str(device_of(kind, about)):
        raise Refusal(
            "device_unavailable",
            _("The rental was given another device since this page was opened; open it anew, and look at that device."),
            conflict={"reference": about.reference},
        )


def begun(kind: Kind, about: Rental | Device, *, at: datetime, actor: User) -> Checklist:
    """The open checklist, locked; made where there is none. One that was overtaken is closed as it is."""
    found = lock_open(kind, about, at=at, actor=actor)
    if going_on().filter(pk=found.pk).exists() and not is_about_another(found):
        return found
    return begun_anew(found, at=at, actor=actor)


def lock_open(kind: Kind, about: Rental | Device, *, at: datetime, actor: User) -> Checklist:
    """The one open checklist of this kind, overtaken or not, locked; made where there is none."""
    found, _ = Checklist.objects.select_for_update(of=("self",)).get_or_create(
        kind=kind, finished_at=None, **whose(about), defaults=who_and_when(at, actor)
    )
    return found


def begun_anew(overtaken: Checklist, *, at: datetime, actor: User) -> Checklist:
    """An empty checklist instead of `overtaken`, which is closed."""
    Checklist.objects.filter(pk=overtaken.pk).update(finished_at=at)
    about = {"rental": overtaken.rental, "device": overtaken.device}
    return Checklist.objects.create(kind=overtaken.kind, **about, **who_and_when(at, actor))


def who_and_when(at: datetime, actor: User) -> dict[str, Any]:
    return {"started_at": at, "started_by": actor, "changed_at": at, "changed_by": actor}


def cleaned(name: str, sent: Any) -> Any:
    """An answer as the database can keep it. Raises `invalid` for one that is far too long."""
    texts = [sent] if isinstance(sent, str) else sent
    if sum(len(text) for text in texts) > LONGEST_ANSWER:
        raise invalid(
            name,
            _("This is too long; write no more than %(longest_answer)s characters.")
            % {"longest_answer": grouped(LONGEST_ANSWER)},
        )
    without_nul = [text.replace("\0", "") for text in texts]
    return without_nul[0] if isinstance(sent, str) else without_nul


def add_photos(checklist: Checklist, photos: Collection[SmallPhoto], *, at: datetime, actor: User) -> int:
    """Add `photos` as far as there is room; how many were left out. The same photo twice is one.

    The caller holds the checklist's lock.
    """
    if not photos:
        return 0
    there = {bytes(content) for content in checklist.photos.values_list("content", flat=True)}
    new = [photo for photo in dict.fromkeys(photos) if photo.content not in there]
    room = max(MOST_PHOTOS - len(there), 0)
    Photo.objects.bulk_create(
        Photo(
            checklist=checklist,
            content=photo.content,
            width=photo.width,
            height=photo.height,
            taken_at=at,
            taken_by=actor,
        )
        for photo in new[:room]
    )
    return len(new[room:])


def remove_photo(checklist: Checklist, key: str, *, at: datetime, actor: User) -> None:
    """Take a photo out of an open checklist; one that is gone already is no mistake. Raises `wrong_state` for a
    checklist that is finished: what it shows has happened."""
    with deciding():
        locked = Checklist.objects.select_for_update(of=("self",)).get(pk=checklist.pk)
        if locked.finished_at or not going_on().filter(pk=locked.pk).exists():
            raise Refusal("wrong_state", _("This is finished, and its photos stay with it."))
        locked.photos.filter(key=key).delete()
        record_change(locked, at=at, actor=actor)


def record_change(checklist: Checklist, *, at: datetime, actor: User) -> None:
    if checklist.rental:
        record_access(actor, [checklist.rental.patient_id], Access.Action.CHANGED, at)


def finish_hand_over(
    rental: Rental, *, answers: Answers, at: datetime, now: datetime, actor: User, **given: Any
) -> Rental:
    """Hand the device over (`custody.hand_over`), and close the checklist with what was answered in the end."""
    with deciding():
        rental = custody.hand_over(rental, at=at, now=now, actor=actor, **given)
        refuse_another_device(Kind.HAND_OVER, rental, answers)  # now that the planner can move it no more
        finish(Kind.HAND_OVER, rental, answers, at=now, actor=actor)
    return rental


def finish_return(
    rental: Rental, *, answers: Answers, at: datetime, now: datetime, actor: User, **given: Any
) -> Rental:
    """Take the device back (`custody.take_back`), and close the checklist."""
    with deciding():
        refuse_another_device(Kind.TAKE_BACK, rental, answers)
        rental = custody.take_back(rental, at=at, now=now, actor=actor, **given)
        finish(Kind.TAKE_BACK, rental, answers, at=now, actor=actor)
    return rental


def finish_inspection(rental: Rental, *, answers: Answers, at: datetime, actor: User, **given: Any) -> Rental:
    """Inspect what came back and settle (`custody.inspect`), and close the checklist."""
    with deciding():
        refuse_another_device(Kind.INSPECTION, rental, answers)
        rental = custody.inspect(rental, at=at, actor=actor, **given)
        finish(Kind.INSPECTION, rental, answers, at=at, actor=actor)
    return rental


def finish_unit_inspection(device: Device, *, answers: Answers, at: datetime, actor: User, **given: Any) -> Inspection:
    """Inspect a device that no rental waits for (`custody.inspect_unit`), and close its checklist."""
    with deciding():
        inspection = custody.inspect_unit(device, at=at, actor=actor, **given)
        finish(Kind.INSPECTION, device, answers, at=at, actor=actor)
    return inspection


def finish(kind: Kind, about: Rental | Device, answers: Answers, *, at: datetime, actor: User) -> None:
    """Close the checklist, begun or not, with `answers` as they were confirmed. The caller holds the transaction."""
    checklist = lock_open(kind, about, at=at, actor=actor)
    devices = {checklist.answers.get(DEVICE), answers.get(DEVICE)} - {None, ""}
    if len(devices) > 1:  # what was begun was about a device that the rental has no more
        checklist = begun_anew(checklist, at=at, actor=actor)
    confirmed = {name: cleaned(name, sent) for name, sent in answers.items()}
    Checklist.objects.filter(pk=checklist.pk).update(
        answers={**checklist.answers, **confirmed}, changed_at=at, changed_by=actor, finished_at=at
    )


def doubt_of(device: Device, counter: int, at: datetime) -> str:
    """Why the device's screen can hardly show `counter` at the moment `at`, as a flag of `Reading`; "" where it may."""
    return doubt_about(device, allowance_at(device, at), counter, at)
