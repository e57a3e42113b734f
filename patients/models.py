"""Who is treated: the person, the injury, the answers before treatment, and who looked."""

from typing import Self

import pghistory
import pgtrigger
from django.db import models
from django.db.models import F, Func, Q, Value
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from config.models import Clinic, User


class Folded(Func):
    """A text folded for search and order, in the database: "Zoë" and "zoe" are equal, "Émile" sorts by E.

    Accents go by Unicode decomposition; the letters that do not decompose are named one by one.
    """

    template = (
        "lower(translate(regexp_replace(normalize(%(expressions)s, NFKD), '[\u0300-\u036f]', '', 'g'), "
        "'ØøŁłĐđÞþıßÆæŒœ', 'OoLlDdTtisAaOo'))"
    )
    output_field = models.TextField()


class Digits(Func):
    """The digits of a telephone number without the 0 or the Australian +61 before it, however it was written."""

    template = r"regexp_replace(regexp_replace(%(expressions)s, '\D', '', 'g'), '^(0|61)', '')"
    output_field = models.TextField()


class PatientQuerySet(models.QuerySet["Patient"]):
    def visible_to(self, user: User) -> Self:
        return self.filter(clinic__in=user.visible_clinics())

    def named_like(self, name: str) -> Self:
        """Patients whose folded name holds every word of `name`, in any order."""
        found = self
        for number, word in enumerate(name.split()):
            key = f"word_{number}"
            found = found.alias(**{key: Folded(Value(word))}).filter(folded_name__contains=F(key))
        return found

    def with_phone(self, number: str) -> Self:
        """Patients whose number ends with `number`, however either is written."""
        return self.alias(wanted=Digits(Value(number))).filter(phone_digits__endswith=F("wanted"))


@pghistory.track()
class Patient(models.Model):
    """A person treated at one clinic. Personal columns never appear in URLs, logs or task arguments (I10)."""

    class State(models.TextChoices):
        ACTIVE = "active", pgettext_lazy("a patient", "Active")
        WITHDRAWN = "withdrawn", _("Withdrawn")
        DECEASED = "deceased", _("Deceased")

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="patients", db_index=False)
    given_name = models.CharField(max_length=120)
    family_name = models.CharField(max_length=120)
    folded_name = models.GeneratedField(
        expression=Folded(models.functions.Concat("family_name", Value(" "), "given_name")),
        output_field=models.TextField(),
        db_persist=True,
    )
    date_of_birth = models.DateField()
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    phone_digits = models.GeneratedField(expression=Digits("phone"), output_field=models.TextField(), db_persist=True)
    email_reminders = models.BooleanField(default=True)
    wants_advice = models.BooleanField(default=True, help_text="Mail that is not strictly about the hire.")
    language = models.CharField(max_length=8, default="en", help_text="Of the mail to the patient.")
    state = models.CharField(max_length=9, choices=State, default=State.ACTIVE)
    external_key = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField()

    objects = PatientQuerySet.as_manager()

    class Meta:
        ordering = ("folded_name", "pk")
        indexes = [
            models.Index(fields=["clinic", "folded_name"], name="patient_clinic_name"),
            models.Index(fields=["clinic", "date_of_birth"], name="patient_clinic_birth"),
            models.Index(fields=["clinic", "phone_digits"], name="patient_clinic_phone"),
            models.Index(models.functions.Lower("email"), "clinic", name="patient_email_clinic"),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["clinic", "external_key"],
                condition=~Q(external_key=""),
                name="patient_external_key_once",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["active", "withdrawn", "deceased"]), name="patient_state_known"
            ),
        ]

    def __str__(self) -> str:
        return f"patient {self.pk}"

    @property
    def name(self) -> str:
        return f"{self.given_name} {self.family_name}"


@pghistory.track()
class Contact(models.Model):
    """Who is told instead of, or beside, the patient: a parent, a carer. A guardian signs for a minor."""

    class Receives(models.TextChoices):
        INSTEAD = "instead", _("Instead of the patient")
        BESIDE = "beside", _("As well as the patient")
        NOTHING = "nothing", _("No mail")

    patient = models.OneToOneField(Patient, on_delete=models.PROTECT, related_name="contact")
    name = models.CharField(max_length=240)
    relation = models.CharField(max_length=80, blank=True)
    email = models.EmailField(blank=True)
    phone = models.CharField(max_length=40, blank=True)
    receives = models.CharField(max_length=7, choices=Receives, default=Receives.INSTEAD)
    is_guardian = models.BooleanField(default=False)
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(receives__in=["instead", "beside", "nothing"]), name="contact_receives_known"
            ),
        ]

    def __str__(self) -> str:
        return f"contact of {self.patient}"


@pghistory.track()
class Payer(models.Model):
    """Who pays instead of the patient: an insurer, a club, a parent."""

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="payers")
    name = models.CharField(max_length=240)
    email = models.EmailField(blank=True)
    address = models.TextField(blank=True)
    reference = models.CharField(max_length=80, blank=True, help_text="A claim or purchase order number.")
    created_at = models.DateTimeField()

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"payer of {self.patient}"


@pghistory.track()
class SuppressedAddress(models.Model):
    """An e-mail address to which nothing is sent any more: it does not exist, or its owner complained."""

    class Why(models.TextChoices):
        BOUNCED = "bounced", _("Mail to it came back")
        COMPLAINED = "complained", _("Its owner called our mail unwanted")

    address = models.EmailField(help_text="In lower case.")
    why = models.CharField(max_length=10, choices=Why)
    since = models.DateTimeField()
    lifted_at = models.DateTimeField(null=True, blank=True)
    lifted_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")

    class Meta:
        ordering = ("pk",)
        verbose_name_plural = "suppressed addresses"
        constraints = [
            models.UniqueConstraint(
                fields=["address"], condition=Q(lifted_at__isnull=True), name="suppressed_address_once"
            ),
            models.CheckConstraint(condition=Q(address=models.functions.Lower("address")), name="suppressed_lower"),
            models.CheckConstraint(condition=Q(why__in=["bounced", "complained"]), name="suppressed_why_known"),
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True, lifted_by__isnull=True)
                | Q(lifted_at__isnull=False, lifted_by__isnull=False),
                name="suppressed_lifted_has_who",
            ),
        ]

    def __str__(self) -> str:
        return f"suppressed address {self.pk}"


class Injury(models.Model):
    """What is to be treated, and where."""

    class Kind(models.TextChoices):
        STRESS_FATIGUE = "stress_fatigue", _("Stress Fatigue")
        STRESS_INSUFFICIENCY = "stress_insufficiency", _("Stress Insufficiency")
        FRESH = "fresh", pgettext_lazy("a fracture", "Fresh")
        DELAYED_UNION = "delayed_union", _("Delayed Union")
        NON_UNION = "non_union", _("Non Union")
        PATHOLOGICAL = "pathological", _("Pathological")
        OTHER = "other", _("Other")

    class Site(models.TextChoices):
        FEMORAL_NECK = "femoral_neck", _("Femoral Neck")
        ANTERIOR_TIBIA = "anterior_tibia", _("Anterior Tibia")
        TIBIA = "tibia", _("Tibia")
        FIBULA = "fibula", _("Fibula")
        NAVICULAR = "navicular", _("Navicular")
        TALUS = "talus", _("Talus")
        MEDIAL_MALLEOLUS = "medial_malleolus", _("Medial Malleolus")
        CALCANEUS = "calcaneus", _("Calcaneus")
        METATARSAL = "metatarsal", _("Metatarsal")
        FIFTH_METATARSAL = "fifth_metatarsal", _("Fifth Metatarsal")
        SESAMOID = "sesamoid", _("Sesamoid")
        PATELLA = "patella", _("Patella")
        PUBIC_RAMUS = "pubic_ramus", _("Pubic Ramus")
        SACRUM = "sacrum", _("Sacrum")
        ACETABULUM = "acetabulum", _("Acetabulum")
        SPINE = "spine", _("Spine")
        RADIUS = "radius", _("Radius")
        HUMERUS = "humerus", _("Humerus")
        OTHER = "other", _("Other")

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="injuries")
    kind = models.CharField(max_length=20, choices=Kind)
    site = models.CharField(max_length=16, choices=Site)
    note = models.TextField(blank=True)
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        verbose_name_plural = "injuries"

    def __str__(self) -> str:
        return f"injury {self.pk}"


class Screening(models.Model):
    """The answers to the label's warnings, one `{answer, note}` a warning, as given at one moment."""

    class Warning(models.TextChoices):
        ACTIVE_IMPLANT = "active_implant", _("Active Implant")
        PREGNANCY = "pregnancy", _("Pregnancy")
        SKELETALLY_IMMATURE = "skeletally_immature", _("Skeletally Immature")
        MALIGNANCY = "malignancy", _("Malignancy")
        VERTEBRA_OR_SKULL = "vertebra_or_skull", _("Vertebra Or Skull")
        DISPLACEMENT = "displacement", _("Displacement")
        GAP = "gap", _("Gap")
        VASCULAR = "vascular", _("Vascular")
        SENSATION = "sensation", _("Sensation")
        OPEN_WOUND = "open_wound", _("Open Wound")

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="screenings")
    answers = models.JSONField()
    recorded_at = models.DateTimeField()
    recorded_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        triggers = [
            pgtrigger.Protect(name="screening_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"screening {self.pk}"


class Access(models.Model):
    """One look at, or change of, one patient's record by a member of staff (I10)."""

    class Action(models.TextChoices):
        READ = "read", pgettext_lazy("a patient’s record", "Read")
        LISTED = "listed", pgettext_lazy("a patient’s record", "Listed")
        SEARCHED = "searched", pgettext_lazy("a patient’s record", "Searched")
        CHANGED = "changed", pgettext_lazy("a patient’s record", "Changed")

    patient = models.ForeignKey(Patient, on_delete=models.PROTECT, related_name="accesses")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=8, choices=Action)
    at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "accesses"
        indexes = [
            models.Index(fields=["patient", "-at"], name="access_patient_at"),
            models.Index(fields=["user", "-at"], name="access_user_at"),
        ]
        triggers = [
            pgtrigger.Protect(name="access_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"access {self.pk}"
