"""A small believable clinic to try Callus with, made through the domain verbs."""

from datetime import date, datetime, timedelta

from django.db import transaction

from config.clinic_setup import add_user, open_clinic
from config.models import Clinic, User
from devices.models import DeviceModel
from devices.register import add_device
from patients.register import register_patient

MODELS = (
    # name, part number, nominal treatments (None: unknown), what holds the capacity
    ("Exogen 343", "71034400", 343, DeviceModel.CapacityHolder.UNIT),
    ("Exogen 4000+", "71034101", 150, DeviceModel.CapacityHolder.UNIT),
    ("Exogen Express", "71034200", None, DeviceModel.CapacityHolder.CARD),
)
DEVICES = (
    # part number, serial, treatments its screen shows
    ("71034400", "0222400163", 36),
    ("71034400", "1019400287", 0),
    ("71034400", "0419400314", 212),
    ("71034400", "0623004418", 121),
    ("71034400", "0123000977", 304),
    ("71034400", "1122006512", 77),
    ("71034101", "0408400017", 96),
    ("71034101", "0109400456", 148),
    ("71034101", "1208002290", 31),
    ("71034200", "0921400558", 18),
    ("71034200", "0225400671", 0),
    ("71034200", "0420400709", 6),
)
PATIENTS = (
    ("Amelia", "Whitford", date(1994, 3, 12)),
    ("Jarrah", "Okonkwo", date(1988, 11, 2)),
    ("Zoë", "Lindqvist", date(2001, 6, 30)),
    ("Priya", "Ramanathan", date(1979, 1, 19)),
    ("Tom", "Delacroix", date(1997, 9, 5)),
    ("Mei", "Tanaka", date(1968, 4, 23)),
    ("Callum", "Fraser", date(1991, 12, 8)),
    ("Noor", "Haddad", date(1985, 7, 14)),
)
REUSE_TEXT = "Single-patient labelling noted; reuse after inspection and cleaning, with new strap, cap and gel."


def make_demo_clinic(at: datetime) -> dict[str, str]:
    """Make the demo clinic with one login a role; returns the random passwords by username."""
    with transaction.atomic():
        clinic = open_clinic("Callus Demo Clinic", time_zone="Australia/Sydney", at=at)
        logins = {role.value: add_user(role.value, role=role.value) for role in User.Role}
        manager, _ = logins["manager"]
        add_fleet(clinic, manager, at)
        for number, (given_name, family_name, born) in enumerate(PATIENTS):
            register_patient(
                clinic=clinic,
                given_name=given_name,
                family_name=family_name,
                date_of_birth=born,
                email=f"patient{number}@example.com",
                at=at,
                actor=manager,
            )
    return {username: password for username, (_, password) in logins.items()}


def add_fleet(clinic: Clinic, manager: User, at: datetime) -> None:
    """Three models signed off for reuse, twelve devices read a month ago."""
    models = {
        part_number: DeviceModel.objects.create(
            name=name,
            part_number=part_number,
            nominal_treatments=nominal,
            capacity_holder=holder,
            reuse_signed_off_by=manager.username,
            reuse_signed_off_at=at,
            reuse_text=REUSE_TEXT,
        )
        for name, part_number, nominal, holder in MODELS
    }
    for part_number, serial, counter in DEVICES:
        add_device(
            serial=serial,
            model=models[part_number],
            clinic=clinic,
            at=at - timedelta(days=30),
            counter=counter,
            actor=manager,
        )
