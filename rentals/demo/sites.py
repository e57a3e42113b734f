"""The two sites of the demo, their staff, and the days and hours at which things happen there."""

from collections import deque
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta

from config.clinic_setup import open_clinic
from config.models import Clinic, User
from patients.models import Patient
from patients.register import register_patient
from rentals.demo.people import Person

SYDNEY, PERTH = "Callus Demo Clinic Sydney", "Callus Demo Clinic Perth"
ZONES = {SYDNEY: "Australia/Sydney", PERTH: "Australia/Perth"}
# The business numbers are invented; only their check digits are right.
REACHED_AT = {
    SYDNEY: {
        "phone": "(02) 5550 0100",
        "email": "sydney@demo-clinic.example",
        "address": "Level 2, 40 Example Street\nSydney NSW 2000",
        "legal_name": "Callus Demo Clinic Sydney Pty Ltd",
        "abn": "13 555 010 000",
    },
    PERTH: {
        "phone": "(08) 5550 0200",
        "email": "perth@demo-clinic.example",
        "address": "7 Sample Terrace\nPerth WA 6000",
        "legal_name": "Callus Demo Clinic Perth Pty Ltd",
        "abn": "91 555 020 000",
    },
}

OFFER_OPEN_HOURS = 18  # two days, so that an offer made yesterday is open whenever today somebody looks


@dataclass
class Staff:
    """The four logins; the auditor does nothing."""

    reception: User
    clinician: User
    manager: User


@dataclass
class Site:
    """One clinic on the day of the demo: who stands at its desk, and whose turn it is to come in."""

    clinic: Clinic
    staff: Staff
    desk: User
    today: date
    turns: deque[Person]
    registered: dict[Person, Patient] = field(default_factory=dict)

    def day(self, days: int) -> date:
        """The open day that lies `days` from today; where that one is closed, the one before it in the past, and
        the next one from today on."""
        wanted, step = self.today + timedelta(days=days), timedelta(days=-1 if days < 0 else 1)
        while not self.clinic.is_open(wanted):
            wanted += step
        return wanted

    def at(self, day: date, hour: int, minute: int = 0) -> datetime:
        """The moment (UTC) at which the clinic's clock shows that time on `day`."""
        return datetime.combine(day, time(hour, minute), tzinfo=self.clinic.zone).astimezone(UTC)

    def has_come(self, moment: datetime) -> bool:
        """Whether the moment is told: what happens today has not happened yet, whatever the hour."""
        return self.clinic.day_of(moment) < self.today

    def patient(self, wanted: Person | None, at: datetime) -> Patient:
        """The `wanted` person, or the next one in turn; registered when first seen."""
        if wanted is None:
            wanted = self.turns[0]
            self.turns.rotate(-1)
        if wanted not in self.registered:
            self.registered[wanted] = register_patient(
                clinic=self.clinic,
                given_name=wanted.given_name,
                family_name=wanted.family_name,
                date_of_birth=wanted.date_of_birth,
                email=wanted.email,
                phone=wanted.phone,
                email_reminders=wanted.email_reminders,
                at=at,
                actor=self.desk,
            )
        return self.registered[wanted]


def open_site(name: str, at: datetime) -> Clinic:
    """Open the clinic with its usual hours, and say how it is reached, whose it is and how long its offers are open."""
    clinic = open_clinic(name, time_zone=ZONES[name], at=at)
    Clinic.objects.filter(pk=clinic.pk).update(**REACHED_AT[name], offer_open_hours=OFFER_OPEN_HOURS)
    clinic.refresh_from_db()
    return clinic
