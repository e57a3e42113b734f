"""A clinic's spreadsheet is understood, checked and taken as a whole, by the rules of the verbs, and then forgotten."""

from datetime import date, timedelta

import pytest

from config.refusals import Refusal
from devices.models import Device, Reading
from patients.models import Access, Patient
from rentals.models import Holding, Move, Rental, Sheet
from rentals.recall import start_recall
from rentals.retention import forget_sheets
from rentals.sheets.taking import check, drop, set_columns, take, upload
from tests import make
from tests.shared import shared

pytestmark = pytest.mark.django_db

NOW, DAY = make.NOW, timedelta(days=1)


@shared
def site():
    return make.clinic("Harbour")


@shared
def boss(site):
    return make.manager(site)


@shared
def model():
    return make.device_model(part_number="71034101", gtin="09506000134352", name="Exogen 4000")


@pytest.fixture
def bring(site, boss):
    def bring(kind, text, at=NOW):
        return upload(site, kind=kind, name="ours.csv", content=text.encode(), at=at, actor=boss)

    return bring


@pytest.fixture
def taken(boss, bring):
    def taken(kind, text, confirmed=(), at=NOW):
        return take(bring(kind, text, at), confirmed=confirmed, at=at, actor=boss)

    return taken


def problems(sheet):
    return [(one.line, one.column, one.written, one.words) for one in check(sheet, NOW).problems]


def states(sheet):
    return [(entry.line, entry.state) for entry in check(sheet, NOW).entries]


UNITS = """Serial;Model;Used;Status;Expiry
0408017701;71034101;43;in stock;31/12/2029
0109000456;9506000134352;;in repair;
1121000001;exogen 4000;0;;
"""


class TestDevices:
    def test_are_added_with_model_counter_condition_and_days(self, site, model, boss, taken):
        assert taken("devices", UNITS) == {"new": 3, "known": 0, "skipped": 0}
        one = make.capacity_of(Device.objects.get(serial="0408017701"))
        assert (one.clinic, one.model, one.counter, one.remaining_treatments) == (site, model, 43, 300)
        assert (one.shelf_until, one.condition) == (date(2029, 12, 31), "ready")
        assert Device.objects.get(serial="0109000456").condition == "repair"
        reading = Reading.objects.get(device=one)
        assert (reading.source, reading.recorded_by, reading.trusted) == ("first", boss, True)

    def test_the_same_file_again_changes_nothing_and_says_so(self, model, taken):
        taken("devices", UNITS)
        before = list(Device.objects.order_by("pk").values())
        assert taken("devices", UNITS) == {"new": 0, "known": 3, "skipped": 0}
        assert list(Device.objects.order_by("pk").values()) == before
        assert Reading.objects.count() == 2

    def test_a_unit_that_a_recall_named_is_recalled_from_the_start(self, model, boss, taken):
        recall = start_recall(model=model, serials=["0408017701"], reason="Heat", at=NOW, actor=boss).recall
        taken("devices", UNITS)
        assert list(recall.devices.values_list("serial", "condition")) == [("0408017701", "recalled")]
        assert Device.objects.filter(condition="recalled").count() == 1

    def test_all_that_is_wrong_is_named_with_line_column_and_what_to_do(self, site, model, boss, bring, taken):
        elsewhere = make.device(make.clinic(), model=model)
        sheet = bring(
            "devices",
            "Serial,Model,Counter,Status\n,71034101,1,\n1,Other,x,odd\n2,71034101,,\n2,71034101,,\n"
            f"{elsewhere.serial},71034101,,\n",
        )
        assert problems(sheet) == [
            (2, "Serial number", "", "is empty; fill it in, or delete the line"),
            (3, "Condition", "odd", "is no condition; write one of " + ", ".join(Device.Condition.values)),
            (3, "Counter", "x", "is no whole number; write digits only"),
            (5, "Serial number", "2", "stands in line 4; delete one of the two"),
            (6, "Serial number", elsewhere.serial, "is a unit of another site; send it here on its page instead"),
        ]
        with pytest.raises(Refusal, match="Nothing was taken"):
            take(sheet, confirmed=[], at=NOW, actor=boss)
        assert Device.objects.get() == elsewhere

    def test_an_unknown_model_is_named_and_the_only_one_need_not_be(self, model, bring):
        [(_, column, _, words)] = problems(bring("devices", "Serial,Model\n1,Other\n"))
        assert (column, words.partition(";")[0]) == ("Model", "is no model that is known here")
        assert problems(bring("devices", "Serial\n1\n")) == []
        make.device_model()
        assert [problem[1] for problem in problems(bring("devices", "Serial\n1\n"))] == ["Model"]

    def test_a_serial_that_lost_its_zero_is_said(self, site, model, bring):
        make.device(site, model=model, serial="0109000456")
        sheet = bring("devices", "Serial\n408017701\n109000456\n")
        assert [(line, words) for line, _, _, words in problems(sheet)] == [
            (3, "is 0109000456, which is here, without its 0; format the column as text")
        ]
        [remark] = check(sheet, NOW).remarks
        assert "Spreadsheets drop a 0" in remark


PEOPLE = """First name,Surname,DOB,Email,Mobile,Patient ID
Ada,Lovelace,10/12/1990,ada@patients.example,0491 570 006,P1
Zoë,Müller,3/4/1985,,,P2
"""


class TestPatients:
    def test_are_registered_and_each_is_recorded(self, site, boss, taken):
        assert taken("patients", PEOPLE)["new"] == 2
        ada, zoe = Patient.objects.order_by("pk")
        assert (ada.name, ada.date_of_birth, ada.phone, ada.external_key) == (
            "Ada Lovelace", date(1990, 12, 10), "0491 570 006", "P1",
        )  # fmt: skip
        assert (zoe.folded_name, zoe.date_of_birth, zoe.email_reminders) == ("muller zoe", date(1985, 4, 3), True)
        changed = Access.objects.filter(action="changed", user=boss)
        assert set(changed.values_list("patient", flat=True)) == {ada.pk, zoe.pk}

    def test_whoever_is_here_stays_as_they_are_however_the_name_is_written(self, site, boss, bring, taken):
        here = make.patient(
            site, given_name="ada", family_name="LOVELACE", date_of_birth=date(1990, 12, 10), actor=boss
        )
        sheet = bring("patients", PEOPLE)
        assert states(sheet) == [(2, "known"), (3, "new")]
        assert taken("patients", PEOPLE) == {"new": 1, "known": 1, "skipped": 0}
        assert taken("patients", PEOPLE) == {"new": 0, "known": 2, "skipped": 0}
        assert Patient.objects.get(pk=here.pk).email == here.email

    def test_days_that_others_read_with_the_month_first_are_said(self, bring):
        [remark] = check(bring("patients", PEOPLE), NOW).remarks
        assert remark.startswith("Date of birth: 2 could be read with the month first")
        assert remark.endswith("10/12/1990 is 10 December 1990.")

    def test_a_shared_address_is_skipped_unless_confirmed_to_be_somebody_else(self, site, boss, bring, taken):
        make.patient(site, email="ADA@patients.example", actor=boss)
        text = PEOPLE + "Bob,Lovelace,1/1/1980,bob@patients.example,,\nRob,Lovelace,1/2/1980,Bob@patients.example,,\n"
        assert states(bring("patients", text)) == [(2, "doubtful"), (3, "new"), (4, "new"), (5, "doubtful")]
        assert taken("patients", text, confirmed=[5]) == {"new": 3, "known": 0, "skipped": 1}
        assert set(Patient.objects.values_list("given_name", flat=True)) == {"Ada", "Zoë", "Bob", "Rob"}
        assert not Patient.objects.filter(date_of_birth=date(1990, 12, 10)).exists()

    def test_a_person_twice_in_the_file_is_registered_once(self, taken):
        assert taken("patients", "Name,Born\n\"Example, Ada\",1/2/1990\nÁda Example,1990-02-01\n") == {
            "new": 1, "known": 1, "skipped": 0,
        }  # fmt: skip

    def test_all_that_is_wrong_is_named(self, site, boss, bring):
        make.patient(site, actor=boss)
        Patient.objects.update(external_key="P9")
        sheet = bring(
            "patients",
            "Name,Born,Email,Phone,MRN\nAda,1/2/1990,,,\nAda B,1/2/2030,,,\nAda C,soon,me@,x,\nAda D,1/2/1990,,,P9\n",
        )
        assert [(line, column) for line, column, _, _ in problems(sheet)] == [
            (2, "Whole name"), (3, "Date of birth"), (4, "Date of birth"), (4, "E-mail"), (4, "Phone"),
            (5, "Patient number"),
        ]  # fmt: skip

    def test_the_keys_of_names_are_those_of_the_database(self, taken, bring):
        text = "Given name,Family name,Date of birth\nÉmile,Øster-Ńowak,1/2/1990\nJosé,ß Þor,1/2/1990\n"
        taken("patients", text)
        assert [state for _, state in states(bring("patients", text))] == ["known", "known"]


HIRES = """Patient,DOB,Device,Start,Due,Counter
"Example, Ada",10/12/1990,{one},2/2/2026,30/3/2026,12
Bob Example,1/1/1980,{two},20/2/2026,1/3/2026,
"""


@pytest.fixture
def units(site, model):
    return [make.device(site, model=model, counter=counter) for counter in (0, 7)]


@pytest.fixture
def hires(units):
    return HIRES.format(one=units[0].serial, two=units[1].serial)


class TestRentals:
    def test_are_out_from_then_on_with_patient_counter_and_plan(self, site, boss, units, hires, taken):
        assert taken("rentals", hires)["new"] == 2
        one, two = Rental.objects.order_by("starts_on")
        assert (one.state, one.starts_on, one.due_on, one.planned_treatments) == (
            "active", date(2026, 2, 2), date(2026, 3, 30), 56,
        )  # fmt: skip
        held = one.holdings.get()
        assert (held.device, held.counter_out, held.live, held.used_out) == (units[0], 12, True, 12)
        assert held.out.lower == site.start_of(date(2026, 2, 2)) + timedelta(hours=12)
        assert two.holdings.get().counter_out == 7  # what was read of it last
        assert one.patient.name == "Ada Example"
        assert list(Move.objects.filter(rental=one).values_list("verb", "actor")) == [
            ("book", boss.pk), ("hand_over", boss.pk),
        ]  # fmt: skip
        assert {one.patient_id, two.patient_id} <= set(Access.objects.values_list("patient", flat=True))

    def test_the_same_file_again_changes_nothing(self, hires, taken):
        taken("rentals", hires)
        assert taken("rentals", hires) == {"new": 0, "known": 2, "skipped": 0}
        assert (Rental.objects.count(), Patient.objects.count(), Holding.objects.count()) == (2, 2, 2)

    def test_a_patient_who_is_here_is_the_same_and_one_of_two_devices_is_registered_once(
        self, site, boss, model, units, hires, taken
    ):
        bob = make.patient(site, given_name="Bob", family_name="Example", date_of_birth=date(1980, 1, 1), actor=boss)
        third = make.device(site, model=model)
        taken("rentals", f"{hires}Ada Example,10/12/1990,{third.serial},2/3/2026,30/3/2026,0\n")
        assert Rental.objects.get(holdings__device=units[1]).patient == bob
        assert Patient.objects.count() == 2
        assert Rental.objects.filter(patient__given_name="Ada").count() == 2

    def test_what_stands_against_one_is_named(self, site, boss, model, units, bring):
        single = make.device(site, reuse=False)
        make.rental("closed", device=single, at=NOW - 60 * DAY, ended=NOW - 40 * DAY, actor=boss)
        reserved = make.book(site, device=units[0], actor=boss, patient=make.patient(site, actor=boss))
        broken = make.device(site, model=model, condition="repair")
        lines = [
            f"A B,1/1/1980,{units[0].serial},2/2/2026,30/3/2026",
            f"A B,1/1/1980,{broken.serial},2/2/2026,30/3/2026",
            f"A B,1/1/1980,{single.serial},2/2/2026,30/3/2026",
            f"A B,1/1/1980,{single.serial},2/2/2026,30/3/2026",
            "A B,1/1/1980,999,2/2/2026,30/3/2026",
            f"A B,1/1/1980,{units[1].serial},3/3/2026,30/3/2026",
            f"A C,1/1/1980,{units[1].serial},2/2/2026,2/2/2026",
        ]
        sheet = bring("rentals", "Patient,DOB,Device,Start,Due\n" + "\n".join(lines))
        assert [(line, column, words) for line, column, _, words in problems(sheet)] == [
            (2, "Serial number", f"is reserved for rental {reserved.reference}; end or move that first"),
            (3, "Serial number", "is in the condition repair, not ready; put that right on its page first"),
            (4, "Serial number", "had another patient, and reuse of its model is not signed off"),
            (5, "Serial number", "is out already by line 4; delete one of the two"),
            (6, "Serial number", "is no unit of this site; add it first"),
            (7, "Out since", "has not come yet; only what is out now is brought in"),
            (8, "Due", "is not after the day of the hand-over; correct one of them"),
        ]

    def test_a_doubtful_patient_is_not_registered_by_way_of_another_line(self, site, boss, model, units, taken):
        make.patient(site, email="ada@patients.example", actor=boss)
        text = (
            "Patient,DOB,Email,Device,Start,Due\n"
            f"Ada Example,10/12/1990,ada@patients.example,{units[0].serial},2/2/2026,30/3/2026\n"
            f"Ada Example,10/12/1990,,{units[1].serial},2/2/2026,30/3/2026\n"
        )
        assert taken("rentals", text) == {"new": 0, "known": 0, "skipped": 2}
        assert taken("rentals", text, confirmed=[2, 3]) == {"new": 2, "known": 0, "skipped": 0}
        assert Patient.objects.count() == 2


class TestTheFile:
    def test_is_kept_no_longer_once_it_was_taken_or_dropped(self, model, boss, bring):
        one, other = bring("devices", UNITS), bring("devices", UNITS)
        take(one, confirmed=[], at=NOW, actor=boss)
        drop(other)
        assert {bytes(sheet.content) for sheet in Sheet.objects.all()} == {b""}
        assert Sheet.objects.get(pk=one.pk).counts == {"new": 3, "known": 0, "skipped": 0}
        for deed in (lambda: take(one, confirmed=[], at=NOW, actor=boss), lambda: check(other, NOW)):
            with pytest.raises(Refusal, match="kept no longer"):
                (one.refresh_from_db(), other.refresh_from_db(), deed())
        with pytest.raises(Refusal, match="taken already"):
            drop(one)

    def test_is_forgotten_after_a_week(self, bring):
        bring("devices", UNITS, at=NOW - 8 * DAY)
        fresh = bring("devices", UNITS, at=NOW - 6 * DAY)
        assert forget_sheets(NOW) == 1
        assert Sheet.objects.exclude(content=b"").get() == fresh

    def test_whose_columns_are_not_found_is_not_judged_until_somebody_has_chosen_them(self, model, bring):
        sheet = bring("devices", "Gadget,Foo\n1,71034101\n")
        with pytest.raises(Refusal, match="Choose the column for: Serial number"):
            check(sheet, NOW)
        with pytest.raises(Refusal, match="chosen twice"):
            set_columns(sheet, {"serial": 0, "part_number": 0})
        set_columns(sheet, {"serial": 0, "part_number": 1, "nonsense": 0, "counter": 7})
        assert sheet.columns == {"serial": 0, "part_number": 1}
        assert states(sheet) == [(2, "new")]

    def test_of_nothing_that_is_taken_in_part_stays_anything(self, model, boss, bring, monkeypatch):
        """Where writing fails half-way, devices without an allowance would be left."""
        sheet = bring("devices", UNITS)
        monkeypatch.setattr(Reading.objects, "bulk_create", lambda rows: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            take(sheet, confirmed=[], at=NOW, actor=boss)
        assert not Device.objects.exists()
        assert Sheet.objects.get().content
