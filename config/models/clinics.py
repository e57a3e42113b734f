"""A clinic, its days and its terms."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

import pghistory
import pgtrigger
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.utils.dates import WEEKDAYS
from django.utils.translation import gettext as _
from holidays import list_supported_countries

from config.public_holidays import public_holidays
from config.refusals import Refusal

ABN_WEIGHTS = (10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)


known_time_zones = cache(available_timezones)  # each call would look through hundreds of files


def validate_time_zone(name: str) -> None:
    if name not in known_time_zones():
        raise ValidationError(_("%(name)s is not a time zone; write one like Australia/Sydney.") % {"name": name})


def validate_holiday_region(region: str) -> None:
    """A country and a part of it, `AU-NSW` say, as the library `holidays` names them."""
    country, _dash, part = region.partition("-")
    if part not in list_supported_countries().get(country, ()):
        raise ValidationError(
            _("%(region)s is not a region with known public holidays; write one like AU-NSW.") % {"region": region}
        )


def validate_abn(number: str) -> None:
    """An Australian Business Number: eleven digits whose weighted sum, the first one less by one, divides by 89."""
    digits = [int(digit) for digit in number.replace(" ", "") if digit.isdigit()]
    if len(digits) == len(number.replace(" ", "")) == len(ABN_WEIGHTS):
        first, *rest = digits
        if sum(weight * digit for weight, digit in zip(ABN_WEIGHTS, (first - 1, *rest), strict=True)) % 89 == 0:
            return
    raise ValidationError(
        _("%(number)s is not an ABN; it has eleven digits, as in 51 824 753 556.") % {"number": number}
    )


@pghistory.track()
class Clinic(models.Model):
    """One site: its time zone decides what a day is, its settings what the rules count."""

    name = models.CharField(max_length=120, unique=True)
    time_zone = models.CharField(max_length=64, default="Australia/Sydney", validators=[validate_time_zone])
    phone = models.CharField(max_length=40, blank=True)
    email = models.EmailField(blank=True)
    address = models.TextField(blank=True)
    legal_name = models.CharField(max_length=240, blank=True, help_text="Who lets the devices; empty: the name.")
    abn = models.CharField(max_length=14, blank=True, validators=[validate_abn])
    charges_gst = models.BooleanField(default=False, help_text="Amounts include 10 % GST, which tax invoices show.")
    sender_email = models.EmailField(
        blank=True, help_text="Where this site's mail comes from; the mail server has to allow it."
    )

    turnaround_days = models.PositiveSmallIntegerField(
        default=1, help_text="Days a device needs after the due day for inspection and cleaning."
    )
    courier_days = models.PositiveSmallIntegerField(
        default=2, help_text="Days blocked on each side when a device travels by courier."
    )
    overdue_presumption_days = models.PositiveSmallIntegerField(
        default=7, help_text="Days after today for which an overdue device is presumed to stay away."
    )
    pick_ups_per_day = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Most pick-ups booked for one day."
    )
    returns_per_day = models.PositiveSmallIntegerField(
        null=True, blank=True, validators=[MinValueValidator(1)], help_text="Most returns booked for one day."
    )
    offer_open_hours = models.PositiveSmallIntegerField(
        default=9, validators=[MinValueValidator(1)], help_text="Open hours for which an offer holds its device."
    )
    holiday_region = models.CharField(
        max_length=10,
        blank=True,
        validators=[validate_holiday_region],
        help_text="Whose public holidays close the doors, AU-NSW say; nobody's when empty.",
    )
    countable_minutes = models.PositiveSmallIntegerField(
        default=18, validators=[MinValueValidator(1)], help_text="A session of this length counts as done."
    )
    adherent_from_percent = models.PositiveSmallIntegerField(
        default=80,
        validators=[MinValueValidator(1), MaxValueValidator(100)],
        help_text="A rental is adherent from this share of its prescribed days on.",
    )
    silent_after_days = models.PositiveSmallIntegerField(
        null=True,
        blank=True,
        default=14,
        validators=[MinValueValidator(1)],
        help_text="Days without a read-out after which a device that is out is called silent; empty: never.",
    )
    reminders_from = models.TimeField(default=time(8), help_text="No reminder leaves before this local time.")
    reminders_until = models.TimeField(default=time(18), help_text="No reminder leaves from this local time on.")
    quiet_when_closed = models.BooleanField(
        default=True, help_text="No reminder leaves on a day the doors stay closed."
    )

    class Meta:
        ordering = ("name",)
        constraints = [
            models.CheckConstraint(
                condition=Q(reminders_until__gt=F("reminders_from")), name="clinic_reminder_hours_in_order"
            ),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def zone(self) -> ZoneInfo:
        return ZoneInfo(self.time_zone)

    def day_of(self, at: datetime) -> date:
        """The clinic's local day that holds the moment `at`."""
        return at.astimezone(self.zone).date()

    def start_of(self, day: date) -> datetime:
        """The moment at which the local `day` begins."""
        return datetime.combine(day, time.min, tzinfo=self.zone)

    def moment(self, day: date, clock: time) -> datetime:
        """The moment (UTC) at which the clinic's clock shows `clock` on `day`: the first of two,
        and where the clock leaps over it, as long after midnight as on any other day."""
        return datetime.combine(day, clock, tzinfo=self.zone).astimezone(UTC)

    def hours_on(self, day: date) -> "OpeningHours | None":
        """The hours of `day`, local time; None while the doors stay closed (`why_closed` says for what)."""
        return None if self.why_closed(day) else self.usual_hours(day)

    def usual_hours(self, day: date) -> "OpeningHours | None":
        """The hours of the weekday of `day`, whatever closes the doors on that one."""
        models.prefetch_related_objects([self], "opening_hours")
        return next((hours for hours in self.opening_hours.all() if hours.weekday == day.weekday()), None)

    def why_closed(self, day: date) -> str:
        """What keeps the doors closed on `day`: a public holiday, a closure's reason, or the weekday; "" if nothing."""
        models.prefetch_related_objects([self], "closures")
        if holiday := public_holidays(self.holiday_region, day.year).get(day):
            return holiday
        for closure in self.closures.all():
            if closure.first_day <= day <= closure.last_day:
                return closure.reason or _("closed")
        if self.usual_hours(day):
            return ""
        return _("closed on %(weekday)ss") % {"weekday": WEEKDAYS[day.weekday()]}

    def is_open(self, day: date) -> bool:
        """Whether the doors open on `day`."""
        return not self.why_closed(day)

    def next_open_day(self, day: date) -> date | None:
        """The first open day on or after `day`, looking at most 60 days ahead."""
        return next(self.open_days(day), None)

    def open_days(self, day: date) -> Iterator[date]:
        """The open days on or after `day`, at most 60 days ahead."""
        days = (day + timedelta(days=ahead) for ahead in range(61))
        return (candidate for candidate in days if self.is_open(candidate))

    def after_open_hours(self, at: datetime, hours: int) -> datetime:
        """The moment (UTC) at which the doors will have been open for `hours` hours since `at`.

        Real time between opening and closing counts, so a day on which the clock is changed has the hours it has.
        Raises `clinic_closed` when the doors close for more than 60 days before so much time has passed.
        """
        begins, left = at.astimezone(UTC), timedelta(hours=hours)
        day = self.next_open_day(self.day_of(at))
        while day and (open_hours := self.hours_on(day)):
            begins, closes = max(begins, self.moment(day, open_hours.opens)), self.moment(day, open_hours.closes)
            if begins + left <= closes:
                return begins + left
            left -= max(closes - begins, timedelta(0))
            day = self.next_open_day(day + timedelta(days=1))
        raise Refusal(
            "clinic_closed",
            _(
                "%(clinic)s stays closed for more than 60 days; have a manager enter its opening hours and closures "
                "under Settings first."
            )
            % {"clinic": self},
        )

    @property
    def current_terms(self) -> "Terms":
        return self.terms.latest("version")


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class OpeningHours(models.Model):
    """When a clinic is open on one weekday (0 is Monday), local time."""

    clinic = models.ForeignKey(Clinic, on_delete=models.CASCADE, related_name="opening_hours")
    weekday = models.PositiveSmallIntegerField()
    opens = models.TimeField(default=time(8, 30))
    closes = models.TimeField(default=time(17, 30))

    class Meta:
        ordering = ("weekday",)
        verbose_name_plural = "opening hours"
        constraints = [
            models.UniqueConstraint(fields=["clinic", "weekday"], name="opening_hours_once_a_weekday"),
            models.CheckConstraint(condition=Q(weekday__lte=6), name="opening_hours_weekday_known"),
            models.CheckConstraint(condition=Q(closes__gt=F("opens")), name="opening_hours_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.clinic} {self.weekday}"


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Closure(models.Model):
    """Local days, both included, on which a clinic stays closed."""

    clinic = models.ForeignKey(Clinic, on_delete=models.CASCADE, related_name="closures")
    first_day = models.DateField()
    last_day = models.DateField()
    reason = models.CharField(max_length=120)

    class Meta:
        ordering = ("first_day",)
        constraints = [
            models.CheckConstraint(condition=Q(last_day__gte=F("first_day")), name="closure_days_in_order"),
        ]

    def __str__(self) -> str:
        return f"{self.clinic} {self.first_day}"


class Terms(models.Model):
    """One version of what a clinic charges and asks; a rental keeps the version it was booked under."""

    clinic = models.ForeignKey(Clinic, on_delete=models.PROTECT, related_name="terms")
    version = models.PositiveIntegerField()
    created_at = models.DateTimeField()
    created_by = models.ForeignKey("config.User", on_delete=models.PROTECT, null=True, related_name="+")
    text = models.TextField()
    weekly_hire = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal("60.00"))
    part_weeks_as_full = models.BooleanField(default=True)
    minimum_weeks = models.PositiveSmallIntegerField(default=2)
    bond = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal("300.00"))
    late_fee_per_day = models.DecimalField(max_digits=8, decimal_places=2, default=Decimal("10.00"))
    replacement_price = models.DecimalField(
        max_digits=8, decimal_places=2, default=Decimal("4500.00"), help_text="What a device that is kept costs, AUD."
    )
    hire_credit_percent = models.PositiveSmallIntegerField(
        default=50,
        validators=[MaxValueValidator(100)],
        help_text="Share of the hire paid that is taken off the price of a device that is kept.",
    )
    deemed_kept_after_days = models.PositiveSmallIntegerField(
        null=True, blank=True, default=14, help_text="Days overdue after which keeping it is proposed; empty: never."
    )

    class Meta:
        ordering = ("clinic", "-version")
        verbose_name_plural = "terms"
        constraints = [
            models.UniqueConstraint(fields=["clinic", "version"], name="terms_version_once_a_clinic"),
            models.CheckConstraint(
                condition=Q(weekly_hire__gte=0, bond__gte=0, late_fee_per_day__gte=0),
                name="terms_amounts_not_negative",
            ),
            models.CheckConstraint(
                condition=Q(replacement_price__gte=0, hire_credit_percent__lte=100), name="terms_price_in_range"
            ),
        ]
        triggers = [
            pgtrigger.Protect(name="terms_append_only", operation=pgtrigger.Update | pgtrigger.Delete),
        ]

    def __str__(self) -> str:
        return f"{self.clinic} terms {self.version}"
