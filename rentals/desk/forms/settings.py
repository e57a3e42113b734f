"""What a site sets for itself: each number with its unit and what it changes; its hours and closures."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, time
from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext_lazy as _

from config.days import clock_words
from config.models import Clinic, OpeningHours
from config.models.clinics import known_time_zones, validate_abn, validate_holiday_region, validate_time_zone
from config.public_holidays import REGION_OF_ZONE
from config.site_settings import LARGEST, LONGEST_ADDRESS, Hours
from rentals.desk.forms.fields import AmountField, DayField

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

WEEKDAYS = (
    _("Monday"),
    _("Tuesday"),
    _("Wednesday"),
    _("Thursday"),
    _("Friday"),
    _("Saturday"),
    _("Sunday"),
)
MAY_BE_NONE = {"turnaround_days", "courier_days", "overdue_presumption_days"}  # 0 days
# Asked by the verb too; here so that all that is wrong is said at once.
VALIDATORS = {"abn": validate_abn, "time_zone": validate_time_zone, "holiday_region": validate_holiday_region}
REGIONS = ("AU-ACT", *REGION_OF_ZONE.values())


@dataclass(frozen=True)
class Setting:
    """One column of the clinic: its label with the unit, what it changes, and what it means when it is empty."""

    name: str
    label: "StrOrPromise"
    says: "StrOrPromise"
    empty: "StrOrPromise" = "–"


@dataclass(frozen=True)
class Panel:
    """Settings that belong together."""

    key: str
    title: "StrOrPromise"
    settings: tuple[Setting, ...]


PANELS = (
    Panel(
        "reached",
        _("How the site is reached"),
        (
            Setting(
                "name",
                _("Name"),
                _("What staff and patients call this site; it stands in mails and on papers."),
            ),
            Setting("phone", _("Phone"), _("Patients find it in mails, on papers and on their pages.")),
            Setting("email", _("E-mail"), _("Answers to our mails go there.")),
            Setting(
                "address",
                _("Postal address"),
                _("Printed on papers and at the foot of each mail."),
            ),
            Setting(
                "sender_email",
                _("Sender of mails"),
                _(
                    "The address that this site’s mails come from. The mail server has to allow it. Empty: the "
                    "address of "
                    "the whole installation."
                ),
                _("the address of the whole installation"),
            ),
        ),
    ),
    Panel(
        "lets",
        _("Who lets the devices"),
        (
            Setting(
                "legal_name",
                _("Legal name"),
                _("The business with which the patient agrees, as on agreements and invoices. Empty: the name above."),
                _("the name of the site"),
            ),
            Setting(
                "abn",
                "ABN",
                _("Eleven digits; it stands on invoices and receipts. Without it no invoice can be made."),
                _("none: no invoice can be made"),
            ),
            Setting(
                "charges_gst",
                _("Amounts include 10 % GST"),
                _("Invoices are tax invoices then. What was invoiced before keeps the GST that it had."),
            ),
        ),
    ),
    Panel(
        "clock",
        _("Clock and holidays"),
        (
            Setting(
                "time_zone",
                _("Time zone"),
                _(
                    "Decides when a day begins, and by which clock times are shown and reminders leave. It can be "
                    "changed "
                    "only while no rental is reserved or out; past treatments are counted by the new one’s days then."
                ),
            ),
            Setting(
                "holiday_region",
                _("Region of public holidays"),
                _("Whose public holidays close the doors: AU-NSW, say. Empty: none does."),
                _("none: public holidays close nothing"),
            ),
        ),
    ),
    Panel(
        "bookings",
        _("Bookings"),
        (
            Setting(
                "turnaround_days",
                _("Turnaround (days)"),
                _(
                    "How long a device stays blocked after the due day, for inspection and cleaning. More days are for "
                    "what is booked or changed from then on, and nobody loses a device for them; fewer are for all. A "
                    "model with a number of its own goes by that."
                ),
            ),
            Setting(
                "courier_days",
                _("Way by courier (days)"),
                _(
                    "How long a device is blocked for each way when it travels. More days are for what is booked or "
                    "changed from then on, fewer for all."
                ),
            ),
            Setting(
                "overdue_presumption_days",
                _("Overdue devices stay away (days)"),
                _(
                    "How long, from today on, an overdue device is presumed not to come back. With more days, "
                    "reservations "
                    "that would need it sooner are moved within a minute, or marked at risk; with fewer, what is "
                    "blocked "
                    "already stays so."
                ),
            ),
            Setting(
                "pick_ups_per_day",
                _("Most pick-ups a day"),
                _("No more are booked for one day; what is booked stays. Empty: as many as come."),
                _("no limit"),
            ),
            Setting(
                "returns_per_day",
                _("Most returns a day"),
                _("No more are booked for one day; what is booked stays. Empty: as many as come."),
                _("no limit"),
            ),
            Setting(
                "offer_open_hours",
                _("An offer is open (open hours)"),
                _(
                    "For how many hours with open doors an offer from the waiting list holds its device; from the next "
                    "offer on."
                ),
            ),
        ),
    ),
    Panel(
        "use",
        _("What counts as use"),
        (
            Setting(
                "countable_minutes",
                _("A treatment counts from (minutes)"),
                _("Shorter ones make a day “less than prescribed”. It is for all days, past ones too."),
            ),
            Setting(
                "adherent_from_percent",
                _("Adherent from (% of days)"),
                _("The share of the prescribed days that have to be done; in calendars and figures, past ones too."),
            ),
            Setting(
                "silent_after_days",
                _("Silent after (days)"),
                _(
                    "When nothing was heard of a device that is out for so long, it is listed as a discrepancy within "
                    "the "
                    "hour. Empty: never."
                ),
                _("never"),
            ),
        ),
    ),
    Panel(
        "leave",
        _("When reminders leave"),
        (
            Setting(
                "reminders_from",
                _("Not before"),
                _("Nothing leaves earlier in the day, by the clock of this site."),
            ),
            Setting(
                "reminders_until",
                _("Not from this time on"),
                _("What is not sent by then leaves the next day."),
            ),
            Setting(
                "quiet_when_closed",
                _("Quiet on closed days"),
                _("Nothing leaves while the doors stay closed; it is told on an open day before, or after."),
            ),
        ),
    ),
)


def in_words(setting: Setting, site: Clinic) -> str:
    """What the site has set."""
    value = getattr(site, setting.name)
    if isinstance(value, bool):
        return str(_("yes") if value else _("no"))
    if isinstance(value, time):
        return clock_words(value)
    return str(setting.empty if value in (None, "") else value)


def panels_in_words(site: Clinic) -> "list[tuple[Panel, list[tuple[StrOrPromise, str]]]]":
    """Each panel with its labels and what the site has set, for those who only read."""
    return [(panel, [(one.label, in_words(one, site)) for one in panel.settings]) for panel in PANELS]


class BaseSiteForm(forms.Form):
    """Names the site that it is about: another one may be chosen in the meantime, in another window."""

    site = forms.IntegerField(widget=forms.HiddenInput)


class SiteForm(BaseSiteForm):
    """All settings of a site, proposed as they are, with the version in which they were so."""

    read = forms.IntegerField(widget=forms.HiddenInput)

    def __init__(self, data: Any = None, files: Any = None, *, site: Clinic) -> None:
        version = site.events.latest("pgh_id")  # type: ignore[attr-defined]
        present = {setting.name: getattr(version, setting.name) for panel in PANELS for setting in panel.settings}
        super().__init__(data, files, initial={**present, "site": site.pk, "read": version.pgh_id})
        for panel in PANELS:
            for setting in panel.settings:
                self.fields[setting.name] = field_of(setting)

    def panels(self) -> Iterator[tuple[Panel, list[forms.BoundField]]]:
        """Each panel with its fields."""
        for panel in PANELS:
            yield panel, [self[setting.name] for setting in panel.settings]


def field_of(setting: Setting) -> forms.Field:
    """The field of a column, which takes no more than the column holds."""
    limits: dict[str, Any] = {}
    if setting.name in LARGEST:
        limits = {"min_value": 0 if setting.name in MAY_BE_NONE else 1, "max_value": LARGEST[setting.name]}
    if setting.name in VALIDATORS:
        limits = {"validators": [VALIDATORS[setting.name]]}
    column: Any = Clinic._meta.get_field(setting.name)
    field: forms.Field = column.formfield(label=setting.label, help_text=setting.says, **limits)
    if setting.name in SUGGESTIONS:
        field.widget.attrs["list"] = f"known-{setting.name}"
    if setting.name == "address":
        field = forms.CharField(
            required=False,
            max_length=LONGEST_ADDRESS,
            label=setting.label,
            help_text=setting.says,
            widget=forms.Textarea(attrs={"rows": 3}),
        )
    if isinstance(field, forms.TimeField):
        field.widget = clock_input()
    if setting.name == "sender_email":
        field.widget.attrs["placeholder"] = settings.DEFAULT_FROM_EMAIL
    field.widget.attrs["autocomplete"] = "off"
    return field


def clock_input() -> forms.TimeInput:
    return forms.TimeInput(attrs={"type": "time"}, format="%H:%M")


def near_time_zones() -> list[str]:
    """The time zones of Australia and New Zealand; any other one can be written."""
    near = ("Australia/", "Pacific/Auckland", "Pacific/Chatham", "Antarctica/Macquarie")
    return sorted(name for name in known_time_zones() if name.startswith(near) and name.count("/") == 1)


SUGGESTIONS = {"time_zone": near_time_zones, "holiday_region": lambda: list(REGIONS)}


class HoursForm(BaseSiteForm):
    """From when until when on each weekday; both empty where the doors stay closed."""

    def __init__(self, data: Any = None, files: Any = None, *, site: Clinic) -> None:
        super().__init__(data, files, initial={"site": site.pk})
        usual = {hours.weekday: hours for hours in site.opening_hours.all()}
        for weekday, name in enumerate(WEEKDAYS):
            for end, label in (("opens", _("%(weekday)s opens at")), ("closes", _("%(weekday)s closes at"))):
                self.fields[f"{end}_{weekday}"] = hour_field(usual.get(weekday), end, label % {"weekday": name})

    def weekdays(self) -> "Iterator[tuple[StrOrPromise, forms.BoundField, forms.BoundField]]":
        """Each weekday with its two fields."""
        for weekday, name in enumerate(WEEKDAYS):
            yield name, self[f"opens_{weekday}"], self[f"closes_{weekday}"]

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        for weekday in range(len(WEEKDAYS)):
            ends = {name: given.get(name) for name in (f"opens_{weekday}", f"closes_{weekday}")}
            missing = [name for name, value in ends.items() if value is None and name not in self.errors]
            if missing and len(missing) < len(ends):
                self.add_error(missing[0], _("Fill in both times, or neither for a closed day."))
        return given

    def hours(self) -> Hours:
        """What was given, by weekday."""
        given = self.cleaned_data
        ends = {weekday: (given[f"opens_{weekday}"], given[f"closes_{weekday}"]) for weekday in range(len(WEEKDAYS))}
        return {weekday: (opens, closes) if opens and closes else None for weekday, (opens, closes) in ends.items()}


def hour_field(hours: OpeningHours | None, end: str, label: str) -> forms.TimeField:
    shown = getattr(hours, end) if hours else None
    field = forms.TimeField(required=False, initial=shown, label=label, widget=clock_input())
    field.widget.attrs["class"] = "form-control"
    return field


class ClosureForm(BaseSiteForm):
    """The days, both included, on which the doors stay closed."""

    first_day = DayField(label=_("First day"))
    last_day = DayField(required=False, label=_("Last day"), help_text=_("Leave it empty for a single day."))
    reason = forms.CharField(
        max_length=120,
        label=_("Why"),
        help_text=_("Staff read it where such a day is refused: “Stocktake”, say."),
    )

    def __init__(self, data: Any = None, files: Any = None, *, site: Clinic) -> None:
        super().__init__(data, files, initial={"site": site.pk})

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        last_day: date | None = given.get("last_day") or given.get("first_day")
        return {**given, "last_day": last_day}


class NewSiteForm(forms.Form):
    """What one more site begins with; the rest of it is set on its own pages."""

    name = forms.CharField(max_length=120, help_text=_("What staff and patients call it."), label=_("Name"))
    time_zone = forms.CharField(
        max_length=64, initial="Australia/Sydney", validators=[validate_time_zone], label=_("Time zone")
    )
    holiday_region = forms.CharField(
        max_length=10,
        required=False,
        validators=[validate_holiday_region],
        label=_("Region of public holidays"),
        help_text=_("AU-NSW, say. Empty: the one of the time zone, if there is one for it."),
    )
    weekly_hire = AmountField(label=_("Hire a week (AUD)"), initial=60)
    bond = AmountField(label=_("Bond (AUD)"), initial=300)
    late_fee_per_day = AmountField(label=_("Late fee a day (AUD)"), initial=10)

    def __init__(self, *data: Any) -> None:
        super().__init__(*data)
        for name in SUGGESTIONS:
            self.fields[name].widget.attrs["list"] = f"known-{name}"

    def clean_holiday_region(self) -> str | None:
        """None: as the time zone says."""
        return self.cleaned_data["holiday_region"] or None
