"""Booking: which device, on which days, for whom (I1, I2, I3)."""

from datetime import date, timedelta

import pytest

from config.models import Closure
from config.refusals import Refusal
from devices.models import Device
from patients.models import Screening
from rentals.booking.alternatives import next_start
from rentals.booking.availability import Need, fitting_devices
from rentals.booking.book import new_reference
from rentals.models import Rental
from tests import make
from tests.shared import shared

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
MONDAY = date(2026, 3, 2)


@shared
def clinic():
    return make.clinic()


def refused_as(code, *arguments, **wishes):
    """The booking is refused with `code`, and nothing of it stays behind."""
    before = Rental.objects.count()
    with pytest.raises(Refusal) as refusal:
        make.book(*arguments, **wishes)
    assert refusal.value.code == code
    assert Rental.objects.count() == before
    assert not Screening.objects.exclude(rentals__isnull=False).exists()
    return refusal.value


@pytest.mark.parametrize("plan", [{"planned_treatments": 0}, {"prescribed_per_day": 0}])
def test_a_plan_of_nothing_is_refused(plan):
    assert refused_as("invalid", make.clinic(), **plan).field in plan


class TestWhichDevice:
    def test_the_smallest_sufficient_capacity_comes_first(self, clinic):
        """The device with the fewest free treatments strands the least."""
        large, exact, small = (make.device(clinic, nominal=nominal) for nominal in (343, 28, 27))
        assert make.book(clinic).holdings.get().device == exact
        assert make.book(clinic).holdings.get().device == large
        assert refused_as("capacity_exceeded", clinic).conflict == {"why_not": {"blocked": 2, "too_few_treatments": 1}}
        assert small.holdings.count() == 0

    def test_among_equals_the_longest_idle_comes_first(self, clinic):
        model = make.device_model()
        used, rested, never = (make.device(clinic, model=model) for _ in range(3))
        for number, device in enumerate((rested, used)):
            make.rental("closed", device=device, treatments=0, at=make.NOW + number * DAY)
        later = make.NOW + 60 * DAY
        chosen = [make.book(clinic, at=later).holdings.get().device for _ in range(3)]
        assert chosen == [never, rested, used]

    def test_a_named_device_is_taken_even_if_another_fits_better(self, clinic):
        make.device(clinic, nominal=28)
        wanted = make.device(clinic)
        assert make.book(clinic, device=wanted).holdings.get().device == wanted

    def test_every_device_that_does_not_fit_is_counted_under_its_first_reason(self, clinic):
        for condition in ("quarantine", "repair", "lost"):
            make.device(clinic, condition=condition)
        make.device(clinic, nominal=27)
        make.device(clinic, nominal=None)
        make.rental("active", clinic)
        make.rental("closed", device=make.device(clinic, reuse=False), at=make.NOW - 30 * DAY)
        overdue = make.rental("active", device=make.device(clinic), at=make.NOW - 40 * DAY)
        need = make.booking(clinic).need
        fitting, reasons = fitting_devices(need, make.NOW)
        assert fitting == []
        assert overdue.due_on < MONDAY
        assert reasons == {
            "not_ready": 3,
            "too_few_treatments": 1,
            "unknown_capacity": 1,
            "blocked": 1,
            "reuse_not_permitted": 1,
            "overdue": 1,
        }

    def test_a_device_of_another_clinic_is_not_to_be_had(self, clinic):
        elsewhere = make.device()
        refusal = refused_as("device_unavailable", clinic, device=elsewhere)
        assert "another clinic" in refusal.message


class TestConflicts:
    def test_a_clash_says_who_has_the_device_when_it_is_free_and_what_would_fit(self, clinic):
        first = make.rental("reserved", clinic)
        other = make.device(clinic)
        device = first.holdings.get().device
        refusal = refused_as("device_unavailable", clinic, device=device)
        assert refusal.conflict == {
            "reference": first.reference,
            "starts_on": "2026-03-02",
            "due_on": "2026-03-30",
            "free_from": "2026-04-01",
        }
        assert [offer["device"] for offer in refusal.alternatives] == [{"id": other.pk, "serial": other.serial}]

    def test_turnaround_blocks_the_day_after_the_due_day(self, clinic):
        device = make.rental("reserved", clinic).holdings.get().device
        refused_as("device_unavailable", clinic, device=device, starts_on=date(2026, 3, 31))
        make.book(clinic, device=device, starts_on=date(2026, 4, 1))

    def test_a_cancelled_rental_is_no_obstacle(self, clinic):
        device = make.rental("cancelled", clinic).holdings.get().device
        make.book(clinic, device=device)

    def test_where_nothing_fits_the_next_start_is_offered(self, clinic):
        device = make.rental("reserved", clinic).holdings.get().device
        refusal = refused_as("device_unavailable", clinic)
        assert refusal.alternatives == [
            {
                "starts_on": "2026-04-01",
                "due_on": "2026-04-29",
                "device": {"id": device.pk, "serial": device.serial},
            }
        ]

    def test_the_next_start_falls_on_an_open_day(self, clinic):
        make.rental("reserved", clinic, due_on=date(2026, 3, 27))  # free from Sunday 29 March
        need = make.booking(clinic).need
        assert next_start(need, make.NOW)[0]["starts_on"] == "2026-03-30"

    def test_a_reference_given_from_outside_is_used_once_a_clinic(self, clinic):
        make.device(clinic)
        make.rental("reserved", clinic, external_reference="A-1")
        refused_as("duplicate_external_reference", clinic, external_reference="A-1")
        assert make.rental("reserved", external_reference="A-1").external_reference == "A-1"

    @pytest.mark.parametrize("condition", ["quarantine", "repair", "recalled", "lost", "sold", "retired"])
    def test_only_a_ready_device_is_booked(self, clinic, condition):
        device = make.device(clinic, condition=condition)
        assert refused_as("device_unavailable", clinic, device=device).conflict == {"condition": condition}

    def test_an_overdue_device_counts_as_absent(self, clinic):
        """I11."""
        late = make.rental("active", clinic, at=make.NOW - 40 * DAY)
        refused_as("device_unavailable", clinic, device=late.holdings.get().device, starts_on=date(2026, 6, 1))


class TestReuse:
    """I3."""

    def test_a_unit_without_sign_off_is_booked_for_one_patient_only(self, clinic):
        device = make.rental("cancelled", device=make.device(clinic, reuse=False)).holdings.get().device
        first = make.book(clinic, device=device)  # a cancelled booking gave it to nobody
        refused_as("reuse_not_permitted", clinic, device=device, starts_on=date(2026, 6, 1))
        make.book(clinic, device=device, starts_on=date(2026, 6, 1), patient=first.patient)

    def test_a_unit_that_came_back_goes_to_nobody_else(self, clinic):
        device = make.rental("closed", device=make.device(clinic, reuse=False)).holdings.get().device
        refused_as("reuse_not_permitted", clinic, device=device, at=make.NOW + 60 * DAY)


class TestDays:
    @pytest.mark.parametrize("due_on", [MONDAY, MONDAY - DAY, MONDAY + 731 * DAY])
    def test_the_due_day_comes_after_the_start_and_within_two_years(self, clinic, due_on):
        make.device(clinic)
        refusal = refused_as("invalid", clinic, due_on=due_on)
        assert (refusal.status, refusal.field) == (400, "due_on")

    @pytest.mark.parametrize(
        ("role", "days_back", "allowed"),
        [("reception", 3, True), ("reception", 4, False), ("clinician", 4, False), ("manager", 200, True)],
    )
    def test_what_was_written_on_paper_first_may_start_in_the_past(self, clinic, role, days_back, allowed):
        make.device(clinic)
        wishes = {"actor": make.user(role), "starts_on": MONDAY - days_back * DAY, "due_on": date(2026, 3, 30)}
        if allowed:
            assert make.book(clinic, **wishes).starts_on == wishes["starts_on"]
        else:
            assert refused_as("too_far_back", clinic, **wishes).status == 400

    @pytest.mark.parametrize("name", ["starts_on", "due_on"])
    def test_a_closed_day_is_refused_with_the_next_open_one(self, clinic, name):
        make.device(clinic)
        Closure.objects.create(clinic=clinic, first_day=date(2026, 4, 3), last_day=date(2026, 4, 6), reason="Easter")
        days = {"starts_on": MONDAY, "due_on": date(2026, 5, 4)} | {name: date(2026, 4, 3)}
        refusal = refused_as("clinic_closed", clinic, **days)
        assert refusal.alternatives == [{name: "2026-04-07"}]
        assert (refusal.field, refusal.conflict) == (name, {"day": "2026-04-03"})
        assert "Friday 3 April 2026" in refusal.message

    def test_sundays_are_closed(self, clinic):
        make.device(clinic)
        assert refused_as("clinic_closed", clinic, due_on=date(2026, 3, 29)).alternatives == [{"due_on": "2026-03-30"}]

    def test_a_start_in_the_past_may_lie_on_a_closed_day(self, clinic):
        make.device(clinic)
        sunday = date(2026, 3, 1)
        assert make.book(clinic, starts_on=sunday, due_on=date(2026, 3, 30)).starts_on == sunday

    def test_the_clinics_own_day_decides_what_is_past(self):
        """At 16:30 UTC on Sunday it is 03:30 on Monday in Sydney, and 00:30 on Monday in Perth."""
        at = make.NOW.replace(day=1, hour=16, minute=30)
        for zone in ("Australia/Sydney", "Australia/Perth"):
            clinic = make.clinic(time_zone=zone)
            make.device(clinic)
            assert make.book(clinic, at=at, actor=make.reception()).starts_on == MONDAY

    def test_a_patient_is_booked_at_the_clinic_that_registered_the_patient(self, clinic):
        make.device(clinic)
        patient = make.patient(make.clinic())
        assert refused_as("invalid", clinic, patient=patient).field == "patient"


class TestScreening:
    def test_every_warning_needs_an_answer(self, clinic):
        make.device(clinic)
        patient = make.patient(clinic)
        for warning in Screening.Warning.values:
            answers = make.screening()
            del answers[warning]
            refusal = refused_as("screening_required", clinic, patient=patient, screening=answers)
            assert (refusal.status, refusal.field) == (409, f"screening.{warning}")

    @pytest.mark.parametrize(
        "answer",
        [{"answer": "yes"}, {"answer": "yes", "note": "  "}, {"answer": "maybe", "note": "?"}, {"note": "?"}, {}],
    )
    def test_a_yes_needs_a_note_and_anything_else_is_no_answer(self, clinic, answer):
        make.device(clinic)
        refused_as("screening_required", clinic, screening=make.screening(gap=answer))

    def test_a_yes_with_a_note_is_kept(self, clinic):
        make.device(clinic)
        answers = make.screening(pregnancy={"answer": "yes", "note": "Discussed with Dr Example"})
        assert make.book(clinic, screening=answers).screening.answers == answers

    def test_a_pathological_fracture_waits_for_a_clinician(self, clinic):
        make.device(clinic)
        pathological = {"indication": make.indication("pathological")}
        assert refused_as("screening_required", clinic, **pathological).field == "override.pathological"
        override = {"override": {"pathological": "Reviewed with oncology"}}
        refusal = refused_as("permission_denied", clinic, actor=make.reception(), **pathological, **override)
        assert refusal.status == 403
        refused_as("screening_required", clinic, **pathological, override={"pathological": "  "})
        rental = make.book(clinic, actor=make.clinician(), **pathological, **override)
        assert rental.pathological_override == "Reviewed with oncology"


def test_a_booking_is_a_recorded_change_of_the_patients_record(clinic):
    """I10."""
    make.device(clinic)
    actor = make.reception()
    rental = make.book(clinic, actor=actor)
    assert rental.patient.accesses.filter(user=actor, action="changed").count() == 1
    assert [(move.verb, move.new_state, move.actor) for move in rental.moves.all()] == [("book", "reserved", actor)]


def test_a_reference_says_nothing_and_avoids_what_is_misread(clinic):
    references = {make.rental("reserved", clinic).reference, *(new_reference() for _ in range(200))}
    assert len(references) == 201
    assert all(len(reference) == 8 and not set(reference) & set("01IOLU") for reference in references)


def test_a_need_without_a_patient_is_one_for_somebody_new(clinic):
    device = make.rental("closed", device=make.device(clinic, reuse=False)).holdings.get().device
    need = Need(clinic, date(2026, 6, 1), date(2026, 6, 29), 28)
    assert fitting_devices(need, make.NOW + 60 * DAY) == ([], {"reuse_not_permitted": 1})
    assert Device.objects.get(pk=device.pk).condition == "ready"
