"""The units of the demo clinic, and what the screen and the clock of each show."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from config.models import Clinic, User
from devices.models import Device, DeviceModel
from devices.register import add_device
from rentals.demo.chance import chance_of
from rentals.demo.sites import PERTH, SYDNEY, Site
from rentals.device_dates import set_dates

EXOGEN_343, EXOGEN_4000, EXPRESS = "71034400", "71034101", "71034200"
MODELS = (
    # name, part number, GTIN (of the range for examples), nominal treatments (None: unknown), what holds the capacity
    ("Exogen 343", EXOGEN_343, "09506000343006", 343, DeviceModel.CapacityHolder.UNIT),
    ("Exogen 4000+", EXOGEN_4000, "09506000400006", 150, DeviceModel.CapacityHolder.UNIT),
    ("Exogen Express", EXPRESS, "09506000420004", None, DeviceModel.CapacityHolder.CARD),
)
REUSE_TEXT = "Single-patient labelling noted; reuse after inspection and cleaning, with new strap, cap and gel."
UNITS = (
    # name in the stories, site, part number, serial (MMYY of manufacture, six digits), treatments its screen shows
    ("S1", SYDNEY, EXOGEN_343, "0222400163", 36),
    ("S2", SYDNEY, EXOGEN_343, "1019400287", 0),
    ("S3", SYDNEY, EXOGEN_343, "0419400314", 60),
    ("S4", SYDNEY, EXOGEN_343, "0623004418", 4),
    ("S5", SYDNEY, EXOGEN_343, "0123000977", 58),
    ("S6", SYDNEY, EXOGEN_343, "1122006512", 77),
    ("S7", SYDNEY, EXOGEN_343, "0720400835", 110),
    ("S8", SYDNEY, EXOGEN_4000, "0408400017", 6),
    ("S9", SYDNEY, EXOGEN_4000, "0109400456", 3),
    ("S10", SYDNEY, EXOGEN_4000, "1208002290", 46),
    ("S11", SYDNEY, EXOGEN_4000, "0607001184", 151),
    ("S12", SYDNEY, EXPRESS, "0921400558", 18),
    ("S13", SYDNEY, EXPRESS, "0225400671", 0),
    ("S14", SYDNEY, EXPRESS, "0420400709", 6),
    ("S15", SYDNEY, EXOGEN_343, "0325001290", 0),
    ("S16", SYDNEY, EXOGEN_343, "0922006147", 98),
    ("S17", SYDNEY, EXOGEN_343, "0521003402", 203),
    ("S18", SYDNEY, EXOGEN_4000, "0309400478", 12),
    ("S19", SYDNEY, EXOGEN_4000, "1108002251", 17),
    ("P1", PERTH, EXOGEN_343, "0821400192", 44),
    ("P2", PERTH, EXOGEN_343, "0318400240", 131),
    ("P3", PERTH, EXOGEN_343, "1223001067", 12),
    ("P4", PERTH, EXOGEN_343, "0521003349", 65),
    ("P5", PERTH, EXOGEN_343, "0920400381", 83),
    ("P6", PERTH, EXOGEN_4000, "1009400532", 9),
    ("P7", PERTH, EXOGEN_4000, "0210003871", 20),
    ("P8", PERTH, EXOGEN_4000, "0708001526", 11),
    ("P9", PERTH, EXPRESS, "0619400844", 25),
    ("P10", PERTH, EXPRESS, "1124400123", 0),
    ("P11", PERTH, EXOGEN_343, "0322400208", 176),
    ("P12", PERTH, EXOGEN_343, "0819400367", 214),
    ("P13", PERTH, EXOGEN_4000, "0609400491", 14),
)
SERVICE_DUE = {"P12": 44, "S13": 16}  # days from today
CONDITIONS = {"S11": Device.Condition.RETIRED}  # it came to Callus so; the others come to theirs by the stories
MOST_DRIFT = 400  # seconds by which a well set clock may be wrong; drift below 15 minutes is corrected in silence


@dataclass
class Unit:
    """One device, and what its screen and its clock show."""

    device: Device
    shows: int  # the number of its last treatment
    shift: timedelta  # from UTC to its clock: standard time all year, and its drift


def add_fleet(clinics: Mapping[str, Clinic], manager: User, at: datetime) -> dict[str, Unit]:
    """All units by their names in the stories; the models are signed off for reuse."""
    models = {
        part_number: DeviceModel.objects.create(
            name=name,
            part_number=part_number,
            gtin=gtin,
            nominal_treatments=nominal,
            capacity_holder=holder,
            reuse_signed_off_by=manager.username,
            reuse_signed_off_at=at,
            reuse_text=REUSE_TEXT,
        )
        for name, part_number, gtin, nominal, holder in MODELS
    }
    return {
        name: Unit(
            add_device(
                serial=serial,
                model=models[part_number],
                clinic=clinics[site],
                condition=CONDITIONS.get(name, Device.Condition.READY),
                counter=shows,
                at=at,
                actor=manager,
            ),
            shows=shows,
            shift=standard_time(clinics[site], at) + drift(serial),
        )
        for name, site, part_number, serial, shows in UNITS
    }


def say_when_service_is_due(fleet: Mapping[str, Unit], sites: Mapping[str, Site], at: datetime) -> None:
    """Write down for which units the day is in sight today, as their papers say."""
    place = {name: sites[site] for name, site, *_ in UNITS}
    for name, days in SERVICE_DUE.items():
        due_on, manager = place[name].day(days), place[name].staff.manager
        set_dates(fleet[name].device, shelf_until=None, service_due_on=due_on, at=at, actor=manager)


def drift(serial: str) -> timedelta:
    """How far the clock of a unit is ahead of the time it was set to."""
    return timedelta(seconds=chance_of(serial).randint(-MOST_DRIFT, MOST_DRIFT))


def standard_time(clinic: Clinic, at: datetime) -> timedelta:
    """How far the clinic's standard time is ahead of UTC in the year of `at`; daylight saving only ever adds."""
    offsets = (datetime(at.year, month, 1, tzinfo=UTC).astimezone(clinic.zone).utcoffset() for month in (1, 7))
    return min(offset for offset in offsets if offset is not None)
