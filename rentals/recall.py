"""Recalls: where each affected unit is now, who has it and everyone who had it, and what became of reservations.

A recall is a row, and what it means is asked anew each time: who has given a unit back since, where a reservation is.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, Count, Exists, F, OuterRef, Q, QuerySet, Subquery, TextField, Value, When
from django.db.models.functions import Coalesce, Concat, Replace
from django.utils.translation import gettext as _

from config.models import Clinic, User
from config.refusals import invalid
from devices.models import Device, DeviceModel, DeviceQuerySet, Reading, Recall, used_treatments
from patients.access import record_access
from patients.models import Access, Patient
from rentals.booking.replan import Repaired, lock_sites, repair
from rentals.deciding import deciding, lock_devices
from rentals.models import Holding, Move, Rental, Treatment
from rentals.models.states import State
from rentals.overview import with_overview
from rentals.reminders.judge import is_usable

IN_THE_FLEET = (Device.Condition.READY, Device.Condition.QUARANTINE, Device.Condition.REPAIR)


@dataclass(frozen=True)
class Affected:
    """What a notice means for the sites of one user, at one moment.

    `devices` carry `out_with`, the reference of the rental that has the unit (None: nobody's). Holdings carry
    `treatments`, had on this unit (None: unknown); those of patients of other sites are only counted. Reservations
    carry their overview, and `became`, what the recall did to them.
    """

    devices: list[Any]
    holders_now: list[Any]
    holders_before: list[Any]
    holders_elsewhere: int
    reservations: list[Any]
    unknown_serials: list[str]
    other_models: list[Device]  # which bear one of the unknown serials

    @property
    def still_in_issue(self) -> list[Device]:
        """Units that are named and not taken out: of a site that whoever started the recall does not see."""
        return [device for device in self.devices if device.condition in IN_THE_FLEET]


@dataclass(frozen=True)
class Recalled(Affected):
    """What a recall has just done."""

    recall: Recall
    repaired: list[Repaired]

    @property
    def at_risk(self) -> list[Rental]:
        """Reservations without a device from now on."""
        return [rental for repaired in self.repaired for rental in repaired.at_risk]

    @property
    def moved(self) -> list[dict[str, str | None]]:
        """Reservations on another device now: their reference and the serials (None: it had no device before)."""
        return [
            {"reference": rental.reference, "from_device": before or None, "to_device": after}
            for repaired in self.repaired
            for rental in [*repaired.moved, *repaired.placed]
            for before, after in [repaired.ways[rental.pk]]
        ]


@dataclass(frozen=True)
class Contact:
    """How a patient can be told. Who wants no reminders is told all the same: this is about safety."""

    email: bool
    phone: bool
    state: str


def contact_of(patient: Patient) -> Contact:
    return Contact(email=is_usable(patient.email), phone=bool(patient.phone.strip()), state=patient.state)


def start_recall(*, model: DeviceModel, serials: Iterable[str], reason: str, at: datetime, actor: User) -> Recalled:
    """Take the named units of `model` (none named: all) out of issue from this moment; their reservations go to other
    devices, or are at risk.

    Only devices that `actor` may see are touched. Lost and sold devices keep their condition but
    are listed: their last holders must be told too. Raises `invalid` without a reason.
    """
    if not reason.strip():
        raise invalid("reason", _("Write the reason, as the notice gives it; whoever is phoned will ask for it."))
    wanted = sorted(set(serials))
    with deciding():
        owned = units_named(model, wanted).visible_to(actor)
        sites = list(Clinic.objects.filter(devices__in=owned).distinct().order_by("pk"))
        lock_sites(sites)
        devices = lock_devices(owned.values_list("pk", flat=True))
        recall = Recall.objects.create(model=model, serials=wanted, reason=reason, at=at, by=actor)
        recall.devices.set(devices)
        Device.objects.filter(pk__in=devices, condition__in=IN_THE_FLEET).update(condition=Device.Condition.RECALLED)
        repaired = [repair(site, cause=cause_of(recall), at=at, actor=actor) for site in sites]
        affected = look_at(recall, at=at, actor=actor)
    return Recalled(**vars(affected), recall=recall, repaired=repaired)


def units_named(model: DeviceModel, serials: list[str]) -> DeviceQuerySet:
    """The units that a notice names, of all sites: those of `serials`, or where it lists none, all of `model`."""
    named = Q(serial__in=serials) if serials else Q()
    return Device.objects.filter(named, model=model)


def cause_of(recall: Recall) -> str:
    """What stands in the history of each reservation that the recall moved, before from where to where."""
    return f"recall {recall.pk}"


def preview_recall(*, model: DeviceModel, serials: Iterable[str], at: datetime, actor: User) -> Affected:
    """What a recall would meet at the moment `at`, and the reservations on its units; nothing changes but
    who has looked (I10)."""
    wanted = sorted(set(serials))
    on_units = Holding.objects.filter(live=True, device__in=units_named(model, wanted).visible_to(actor))
    reservations = Rental.objects.filter(state=State.RESERVED, pk__in=on_units.values("rental"))
    return affected_by(model, wanted, reservations, at=at, actor=actor)


def look_at(recall: Recall, *, at: datetime, actor: User) -> Affected:
    """Whom and what the recall is about, as it is at the moment `at`."""
    cause = Value(f"{cause_of(recall)}: ")
    moves = moves_because(cause, at=recall.at)
    ways = moves.filter(rental=OuterRef("pk")).values(way=Replace("reason", cause, output_field=TextField()))[:1]
    reservations = Rental.objects.filter(pk__in=moves.values("rental")).annotate(became=Subquery(ways))
    return affected_by(recall.model, recall.serials, reservations, at=at, actor=actor)


def moves_because(cause: Any, *, at: Any) -> QuerySet[Move]:
    """What the planner did to reservations at the moment `at`, written down as because of `cause` (an expression)."""
    planned = Move.objects.filter(verb__in=("replan", "at_risk"), new_state=State.RESERVED, at=at)
    return planned.filter(reason__startswith=cause)


def affected_by(model: DeviceModel, serials: list[str], reservations: Any, *, at: datetime, actor: User) -> Affected:
    """What a notice of these `serials` (none: all) means for the sites of `actor`; each patient shown is recorded."""
    sites = list(actor.visible_clinics())
    named = units_named(model, serials)
    devices = list(with_whereabouts(named.filter(clinic__in=sites)))
    had = Holding.objects.filter(out__isnull=False)
    holders = list(with_treatments(had.filter(device__in=named, rental__clinic__in=sites), at))
    elsewhere = had.filter(device__in=devices).exclude(rental__clinic__in=sites)
    promised = list(with_overview(reservations.filter(clinic__in=sites), at).order_by("-at_risk", "starts_on", "pk"))
    unknown = sorted(set(serials) - {device.serial for device in devices})
    of_others = Device.objects.filter(serial__in=unknown, clinic__in=sites).exclude(model=model)
    patients = {holding.rental.patient_id for holding in holders} | {rental.patient_id for rental in promised}
    record_access(actor, patients, Access.Action.LISTED, at)
    return Affected(
        devices=devices,
        holders_now=[holding for holding in holders if has_it(holding)],
        holders_before=[holding for holding in holders if not has_it(holding)],
        holders_elsewhere=elsewhere.values("rental__patient").distinct().count(),
        reservations=promised,
        unknown_serials=unknown,
        other_models=list(of_others.select_related("model")),
    )


def has_it(holding: Any) -> bool:
    """Whether the patient has the unit now: it is out, or never came back because it was bought."""
    is_bought = holding.counter_back is None and holding.device.condition == Device.Condition.SOLD
    return holding.out.upper is None or is_bought


def with_whereabouts(devices: DeviceQuerySet) -> DeviceQuerySet:
    """Adds `out_with`: the reference of the rental whose patient has the device (None: it is at its site)."""
    out = Holding.objects.filter(device=OuterRef("pk"), out__upper_inf=True).values("rental__reference")
    return devices.annotate(out_with=Subquery(out[:1])).select_related("model", "clinic")


def with_treatments(holdings: QuerySet[Holding], at: datetime) -> QuerySet[Holding]:
    """Adds `treatments`: how many the patient had on this unit, by its counter as last read, or by its log where
    nobody has read the counter since the hand-over; None while neither says."""
    until = Coalesce(OuterRef("out__endswith"), Value(at))
    since = {"device": OuterRef("device"), "read_at__gt": OuterRef("out__startswith"), "read_at__lte": until}
    used = Case(When(out__upper_inf=True, then=used_treatments("device")), default=F("used_back"))
    counted = Case(When(Exists(Reading.objects.filter(trusted=True, **since)), then=used - F("used_out")))
    log = Treatment.objects.sessions().filter(rental=OuterRef("rental"), device=OuterRef("device")).order_by()
    within = log.filter(started_corrected__gte=OuterRef("out__startswith"), started_corrected__lt=until)
    logged = within.values("rental").annotate(number=Count("pk")).values("number")
    known = holdings.annotate(treatments=Coalesce(counted, Subquery(logged)))
    return known.select_related("rental__patient", "rental__clinic", "device").order_by("device", "out")


def recalls_seen_by(user: User) -> QuerySet[Recall]:
    """The recalls that name a unit of a site of `user`, or one that a patient of such a site had, and those that
    somebody of such a site started; newest first."""
    recalls = Recall.objects.select_related("model", "by").order_by("-at", "-pk")
    if not user.clinics.exists():
        return recalls
    sites = list(user.visible_clinics())
    named = naming_units(model__devices__clinic__in=sites)
    had = naming_units(model__devices__holdings__rental__clinic__in=sites, model__devices__holdings__out__isnull=False)
    colleagues = User.objects.filter(Q(clinics__in=sites) | Q(pk=user.pk))
    return recalls.filter(Q(pk__in=named.values("pk")) | Q(pk__in=had.values("pk")) | Q(by__in=colleagues))


def naming_units(**where: Any) -> QuerySet[Recall]:
    """Recalls, each with the units (`model__devices`) that it names and of which `where` is true."""
    named = Q(serials=[]) | Q(serials__contains=[F("model__devices__serial")])
    return Recall.objects.filter(named, **where)


def with_numbers(recalls: QuerySet[Recall], user: User) -> QuerySet[Recall]:
    """Adds, of the sites of `user`: `units` named, how many are `out` now and how many `in_issue` still, and the
    reservations `at_risk` since then."""
    sites = list(user.visible_clinics())
    cause = Concat(Value("recall "), OuterRef("pk"), Value(": "), output_field=TextField())
    robbed = Holding.objects.filter(live=True, device=None, rental__clinic__in=sites).values("rental")
    endangered = moves_because(cause, at=OuterRef("at")).filter(verb="at_risk", rental__in=robbed).order_by()
    return recalls.annotate(
        units=units_counted(model__devices__clinic__in=sites),
        out=units_counted(model__devices__clinic__in=sites, model__devices__holdings__out__upper_inf=True),
        in_issue=units_counted(model__devices__clinic__in=sites, model__devices__condition__in=IN_THE_FLEET),
        at_risk=Coalesce(Subquery(endangered.values("verb").annotate(number=Count("pk")).values("number")), 0),
    )


def units_counted(**where: Any) -> Coalesce:
    """How many units a recall names of which `where` is true."""
    units = naming_units(pk=OuterRef("pk"), **where).order_by().values("pk")
    return Coalesce(Subquery(units.annotate(number=Count("model__devices", distinct=True)).values("number")), 0)
