"""What a patient asks for and says: each form counts once, and what it says is kept as the patient's word."""

from datetime import UTC, date, datetime, time, timedelta

import pytest

from config.models import Clinic, OpeningHours
from config.refusals import Refusal
from patients.models import Access, Patient
from rentals.booking.desk_days import refuse_full_days
from rentals.models import MessageTemplate, PatientDay, Rental, StaffTask
from rentals.models.states import State
from rentals.patient_requests import (
    MOST_OPEN,
    Problem,
    choose_return_slot,
    mark_day,
    report_problem,
    return_days,
    set_preferences,
)
from rentals.staff_tasks import do_task
from tests import make
from tests.rentals.portal.conftest import make_clinic
from tests.rentals.portal.visitor import Visitor
from tests.shared import shared
from tests.threads import at_once

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)
DUE = date(2026, 3, 30)


@shared
def rental(clinic):
    """Out since today, a Monday, and due in four weeks."""
    return make.rental(State.ACTIVE, clinic)


@shared
def visitor(rental):
    return Visitor(rental)


def now(rental):
    return Rental.objects.get(pk=rental.pk)


class TestKeepingItLonger:
    def test_the_wish_goes_to_staff_with_its_day_and_changes_nothing_yet(self, rental, visitor):
        assert visitor.fill_in("/my/extension/", due_on="2026-04-13", words="Away until then.") == 302
        task = StaffTask.objects.get()
        assert (task.kind, task.for_role, task.rental, task.patient) == (
            "extension",
            "reception",
            rental,
            rental.patient,
        )
        assert (task.asked, task.words) == ({"due_on": "2026-04-13"}, "Away until then.")
        assert now(rental).due_on == DUE
        visitor.see(visitor.led_to)
        assert "Thank you. We have written it down." in visitor.page
        assert "You would like to keep the device longer (2 March, noon)" in visitor.page

    def test_a_form_sent_twice_counts_once(self, visitor):
        visitor.see("/my/extension/")
        assert [visitor.send("/my/extension/", due_on="2026-04-13") for _ in range(2)] == [302, 302]
        assert StaffTask.objects.count() == 1

    def test_a_second_wish_waits_until_the_first_is_answered(self, rental, visitor):
        visitor.fill_in("/my/extension/", due_on="2026-04-13")
        assert visitor.fill_in("/my/extension/", due_on="2026-04-20") == 409
        assert "We have this from you already" in visitor.page
        do_task(StaffTask.objects.get(), note="Not possible", at=make.NOW, actor=make.reception(rental.clinic))
        assert visitor.fill_in("/my/extension/", due_on="2026-04-20") == 302

    @pytest.mark.parametrize(
        ("due_on", "said"),
        [
            ("2026-03-30", "choose a day after the one on which it is due back"),
            ("2026-04-12", "does not open on Sunday"),
            ("2029-01-01", "A rental lasts at most"),
            ("soon", "Enter a valid date"),
        ],
    )
    def test_a_day_that_cannot_be_is_refused_at_its_field(self, visitor, due_on, said):
        assert visitor.fill_in("/my/extension/", due_on=due_on) in (400, 409, 422)
        assert said in visitor.page
        assert 'aria-invalid="true"' in visitor.page
        assert not StaffTask.objects.exists()


class TestProblems:
    def test_a_fault_is_told_to_staff_and_quarantines_nothing(self, rental, visitor):
        assert visitor.fill_in("/my/problem/", problem="fault", words="It stops after a minute.") == 302
        task = StaffTask.objects.get()
        assert (task.kind, task.for_role, task.asked) == ("problem", "reception", {"problem": "fault"})
        assert rental.holdings.get().device.condition == "ready"

    def test_who_is_unwell_is_a_matter_for_a_clinician(self, visitor):
        visitor.fill_in("/my/problem/", problem="unwell", words="A rash.")
        assert StaffTask.objects.get().for_role == "clinician"

    def test_nobody_fills_the_list_of_staff(self, visitor):
        answers = [visitor.fill_in("/my/problem/", problem="gel", words="Low") for _ in range(7)]
        assert answers == [302] * MOST_OPEN[StaffTask.Kind.PROBLEM] + [409] * 2

    @pytest.mark.django_db(transaction=True)
    def test_not_even_a_form_sent_eight_times_at_once_counts_twice(self):
        rental = make.rental(State.ACTIVE, make_clinic())
        entries = {"problem": Problem.GEL, "words": "Low", "key": "abc", "at": make.NOW}
        tasks = at_once(8, lambda: report_problem(rental, **entries).pk)
        assert len(set(tasks)) == StaffTask.objects.count() == 1

    def test_a_key_of_somebody_else_is_none(self, visitor, clinic):
        assert visitor.fill_in("/my/problem/", problem="gel", words="Low", key="abc") == 302
        neighbour = Visitor(make.rental(State.ACTIVE, clinic))
        assert neighbour.fill_in("/my/problem/", problem="gel", words="Low", key="abc") == 302
        assert StaffTask.objects.count() == 2


class TestHealing:
    def test_it_is_told_to_a_clinician_who_decides(self, rental, visitor):
        assert visitor.fill_in("/my/healed/", words="Dr Example, after the X-ray") == 302
        task = StaffTask.objects.get()
        assert (task.kind, task.for_role, task.words) == ("healed", "clinician", "Dr Example, after the X-ray")
        assert (now(rental).healed_on, now(rental).state) == (None, "active")

    def test_once_it_is_confirmed_there_is_nothing_to_tell(self, visitor):
        Rental.objects.update(healed_on=make.NOW.date())
        assert visitor.fill_in("/my/healed/") == 409


class TestTheReturn:
    def test_a_slot_is_kept_with_the_rental_and_in_its_history_without_staff(self, rental, visitor):
        before = Access.objects.count()
        assert visitor.fill_in("/my/return/", day="2026-03-27", clock="16:30:00") == 302
        assert now(rental).return_expected_at == datetime(2026, 3, 27, 5, 30, tzinfo=UTC)
        move = rental.moves.last()
        assert (move.verb, move.actor, move.reason) == ("choose_return", None, "by the patient, on the patient’s page")
        assert Access.objects.count() == before
        visitor.see("/my/")
        assert "Friday 27 March" in visitor.page

    def test_the_same_slot_again_is_no_second_change(self, rental, visitor):
        for _ in range(2):
            assert visitor.fill_in("/my/return/", day="2026-03-27", clock="16:30:00") == 302
        assert rental.moves.filter(verb="choose_return").count() == 1

    def test_only_open_days_until_it_is_due_are_offered_and_taken(self, rental, visitor):
        days = return_days(rental, make.NOW)
        assert (days[0], days[-1], len(days)) == (date(2026, 3, 2), DUE, 25)
        assert all(day.weekday() < 6 for day in days)
        for day in ("2026-03-29", "2026-04-01", "2026-03-01"):
            assert visitor.fill_in("/my/return/", day=day, clock="16:30:00") == 422
        assert now(rental).return_expected_at is None

    def test_who_is_late_may_choose_among_the_next_days(self, rental, clock):
        late = datetime(2026, 4, 2, 1, tzinfo=UTC)
        assert return_days(rental, late)[-1] == date(2026, 4, 9)

    @pytest.mark.parametrize(
        ("day", "clock", "said"),
        [
            (date(2026, 3, 27), time(7), "open from 08:30 to 17:30"),
            (date(2026, 3, 27), time(17, 30), "open from 08:30 to 17:30"),
            (date(2026, 3, 2), time(9), "That time has passed"),
            (date(2026, 3, 29), time(9), "does not open on Sunday"),
            (date(2026, 4, 1), time(9), "one of the days in the list"),
        ],
    )
    def test_a_moment_at_which_nobody_is_there_is_refused(self, rental, day, clock, said):
        with pytest.raises(Refusal, match=said):
            choose_return_slot(rental, day=day, clock=clock, at=make.NOW)

    def test_a_time_of_another_day_is_refused_with_the_hours_of_this_one(self, clinic, visitor):
        OpeningHours.objects.filter(clinic=clinic, weekday=5).update(opens=time(9), closes=time(12))
        assert visitor.fill_in("/my/return/", day="2026-03-28", clock="16:30:00") == 400
        assert "open from 09:00 to 12:00" in visitor.page

    def test_a_full_day_is_not_offered_and_not_taken(self, clinic, rental):
        full = date(2026, 3, 27)
        make.rental(State.RESERVED, clinic, due_on=full)
        Clinic.objects.update(returns_per_day=1)
        rental = Rental.objects.select_related("clinic").get(pk=rental.pk)
        assert full not in return_days(rental, make.NOW)
        with pytest.raises(Refusal, match="1 return on Friday 27 March 2026 already"):
            choose_return_slot(rental, day=full, clock=time(9), at=make.NOW)
        assert DUE in return_days(rental, make.NOW)

    def test_a_slot_takes_a_place_of_its_day_and_frees_that_of_the_due_day(self, rental):
        Clinic.objects.update(returns_per_day=1)
        rental = Rental.objects.select_related("clinic").get(pk=rental.pk)
        chosen = date(2026, 3, 27)
        choose_return_slot(rental, day=chosen, clock=time(9), at=make.NOW)
        refuse_full_days(rental.clinic, {"due_on": DUE}, make.NOW)
        with pytest.raises(Refusal, match="takes 1 a day"):
            refuse_full_days(rental.clinic, {"due_on": chosen}, make.NOW)
        choose_return_slot(rental, day=chosen, clock=time(10), at=make.NOW)  # its own place stays its own

    @pytest.mark.django_db(transaction=True)
    def test_two_patients_never_get_the_last_place_of_a_day(self):
        clinic = make_clinic()
        rentals = [make.rental(State.ACTIVE, clinic, days=days) for days in (21, 28)]
        Clinic.objects.update(returns_per_day=1)
        rentals = list(Rental.objects.select_related("clinic").order_by("pk"))
        free = iter(rentals)

        def choose():
            try:
                return choose_return_slot(next(free), day=date(2026, 3, 20), clock=time(9), at=make.NOW)
            except Refusal as refusal:
                return refusal.code

        got = at_once(2, choose)
        assert sum(isinstance(one, Rental) for one in got) == 1
        assert Rental.objects.filter(return_expected_at__isnull=False).count() == 1


class TestDaysByHand:
    def test_a_day_is_kept_beside_the_record_and_may_be_corrected(self, rental, visitor):
        assert visitor.fill_in("/my/days/", day="2026-03-02", treated="yes") == 302
        assert visitor.led_to == "/my/days/?thanks"
        assert visitor.fill_in("/my/days/", day="2026-03-02", treated="no") == 302
        said = PatientDay.objects.get()
        assert (said.rental, said.day, said.treated) == (rental, date(2026, 3, 2), False)
        assert said.events.count() == 2  # type: ignore[attr-defined]

    def test_the_same_word_twice_is_one(self, visitor):
        for _ in range(2):
            visitor.fill_in("/my/days/", day="2026-03-02", treated="yes")
        assert PatientDay.objects.get().events.count() == 1  # type: ignore[attr-defined]

    @pytest.mark.parametrize("day", [date(2026, 3, 1), date(2026, 3, 3)])
    def test_only_days_of_the_hire_until_today_can_be_marked(self, rental, visitor, day):
        assert visitor.fill_in("/my/days/", day=day.isoformat(), treated="yes") == 422
        with pytest.raises(Refusal, match="a day on which you had the device"):
            mark_day(rental, day=day, treated=True, at=make.NOW)
        assert not PatientDay.objects.exists()


class TestPreferences:
    def test_no_reminders_and_no_advice_are_kept_with_the_patient(self, rental, visitor):
        assert visitor.fill_in("/my/preferences/", language="en") == 302
        patient = Patient.objects.get(pk=rental.patient_id)
        assert (patient.email_reminders, patient.wants_advice, patient.language) == (False, False, "en")
        visitor.see("/my/preferences/")
        assert "checked" not in visitor.page

    def test_the_languages_asked_for_are_ours_and_those_in_which_the_clinic_writes(self, clinic, rental, visitor):
        words = {"kind": "due_today", "language": "fr", "version": 1, "created_by": make.manager()}
        MessageTemplate.objects.create(clinic=clinic, created_at=make.NOW, **words)
        visitor.see("/my/preferences/")
        assert [name in visitor.page for name in ("English", "Deutsch", "français", "español")] == [
            True,
            True,
            True,
            False,
        ]
        assert visitor.send("/my/preferences/", email_reminders="on", language="fr") == 302
        assert Patient.objects.get(pk=rental.patient_id).language == "fr"
        assert visitor.fill_in("/my/preferences/", language="es") == 422

    def test_a_patient_who_was_silenced_meanwhile_changes_nothing(self, rental):
        Patient.objects.update(state=Patient.State.WITHDRAWN)
        with pytest.raises(Refusal, match="phone us"):
            set_preferences(rental.patient, email_reminders=True, wants_advice=True, language="en")


class TestWhatIsOver:
    @pytest.mark.parametrize("state", [state for state in State if state != State.ACTIVE])
    def test_without_the_device_nothing_is_asked_for(self, clinic, state):
        rental = make.rental(state, clinic)
        visitor = Visitor(rental)
        forms = {
            "/my/extension/": {"due_on": "2026-05-11"},
            "/my/problem/": {"problem": "gel", "words": "Low"},
            "/my/healed/": {},
            "/my/return/": {"day": "2026-03-03", "clock": "09:00:00"},
        }
        for address, entries in forms.items():
            visitor.see(address)
            assert "This is not possible for your hire as it stands now" in visitor.page
            assert visitor.send(address, key="abc", **entries) in (409, 422), address
        assert not StaffTask.objects.filter(kind__in=["extension", "problem", "healed"]).exists()
        assert now(rental).return_expected_at is None
