"""Opening a clinic and bringing in its staff."""

import secrets
from datetime import datetime, time
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from config.models import Clinic, OpeningHours, Terms, User
from config.public_holidays import REGION_OF_ZONE
from config.refusals import Refusal, invalid

WEEKDAY_HOURS = (time(8, 30), time(17, 30))
SATURDAY_HOURS = (time(8, 30), time(12, 30))

DEFAULT_TERMS = """\
You hire this bone stimulation device for your own use, for the time agreed, and bring all returnable parts back.
Hire is charged by the week from collection to return; the bond is held until the device has been inspected.
Late returns, missing parts and damage beyond wear and tear are charged as listed.
The manufacturer labels the device for use by a single patient. The clinic has inspected and cleaned this one and \
rents it on its own responsibility; your clinician has told you what it is for in your case and you accept this.
How well an injury responds differs from person to person; nothing here is a statement about the result.
"""


def open_clinic(
    name: str,
    *,
    time_zone: str,
    at: datetime,
    holiday_region: str | None = None,
    weekly_hire: Decimal = Decimal("60.00"),
    bond: Decimal = Decimal("300.00"),
    late_fee_per_day: Decimal = Decimal("10.00"),
    actor: User | None = None,
) -> Clinic:
    """Open a clinic with the usual hours and its first terms (amounts in AUD); the same name is the same clinic.

    The public holidays are those of `holiday_region` ("": none), or without it of the state that the time zone
    stands for, if it does for one.
    """
    if holiday_region is None:
        holiday_region = REGION_OF_ZONE.get(time_zone, "")
    settings = {"time_zone": time_zone, "holiday_region": holiday_region}
    with transaction.atomic():
        clinic, made = Clinic.objects.get_or_create(name=name, defaults=settings)
        if made:
            clinic.full_clean()
            OpeningHours.objects.bulk_create(usual_hours(clinic))
            Terms.objects.create(
                clinic=clinic,
                version=1,
                created_at=at,
                created_by=actor,
                text=DEFAULT_TERMS,
                weekly_hire=weekly_hire,
                bond=bond,
                late_fee_per_day=late_fee_per_day,
            )
    return clinic


def open_another_site(name: str, *, at: datetime, actor: User, **settings: Any) -> Clinic:
    """Open one more clinic, by what `open_clinic` is told.

    Raises `not_every_site` for a manager of named sites, who would not see it; `invalid` (400) for a name that another
    site has, and for what cannot be.
    """
    if actor.clinics.exists():
        raise Refusal(
            "not_every_site", _("You work at named sites; ask a manager who sees every site to open another.")
        )
    if Clinic.objects.filter(name=name).exists():
        raise invalid("name", _("Another site has this name; choose one that tells them apart."))
    try:
        return open_clinic(name, at=at, actor=actor, **settings)
    except ValidationError as error:
        [(field, problems), *_others] = error.message_dict.items()
        raise invalid(field, " ".join(problems)) from error


def usual_hours(clinic: Clinic) -> list[OpeningHours]:
    """Monday to Friday, and Saturday morning."""
    hours = [WEEKDAY_HOURS] * 5 + [SATURDAY_HOURS]
    return [
        OpeningHours(clinic=clinic, weekday=weekday, opens=opens, closes=closes)
        for weekday, (opens, closes) in enumerate(hours)
    ]


def add_user(username: str, *, role: str, clinics: list[Clinic] | None = None) -> tuple[User, str]:
    """Add a member of staff and return the random password, which is shown once and kept nowhere.

    Of 96 random bits: it is not judged as a password that a person chose, for chance now and then resembles a name.
    """
    password = secrets.token_urlsafe(12)
    with transaction.atomic():
        user = User(username=username, role=role)
        user.set_password(password)
        user.full_clean()
        user.save(force_insert=True)
        user.clinics.set(clinics or [])
    return user, password
