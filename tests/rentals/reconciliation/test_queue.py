"""The queue of discrepancies: who has one in hand, why it was closed, when it comes back, and who is silent."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.models import Clinic
from config.refusals import Refusal
from devices.models import Reading
from patients.models import Access
from rentals.models import Discrepancy
from rentals.reconciliation.discrepancies import EXPLAINED, resolve, sweep_silence, take_on
from rentals.reconciliation.readings import take_reading, trust_reading
from rentals.reconciliation.reconcile import reconcile
from tests import make
from tests.shared import shared
from tests.usage import Log, import_logs

pytestmark = pytest.mark.django_db

MORNING = datetime(2026, 3, 2, 20, 0, tzinfo=UTC)


def after(days: float) -> datetime:
    return MORNING + timedelta(days=days)


@shared
def device():
    return make.device(nominal=50, counter=0, at=MORNING - timedelta(days=60))


@shared
def shelved():
    """Another, which nobody has."""
    return make.device(nominal=50, counter=0, at=MORNING - timedelta(days=60))


@shared
def rental(device):
    return make.rental("active", device=device, at=after(-0.5), days=60, planned_treatments=50, counter=0)


@pytest.fixture
def outside(shelved):
    """Used twice while nobody had it."""
    import_logs(Log(shelved, after(2), counter=2).daily([1, 2], MORNING), at=after(3))
    return Discrepancy.objects.get()


class TestOwner:
    def test_one_takes_it_on_hands_it_to_a_colleague_who_gives_it_back(self, outside):
        ann, bob = make.reception(outside.clinic), make.clinician(outside.clinic)
        mine = take_on(outside, owner=ann, at=after(3), actor=ann)
        his = take_on(mine, owner=bob, at=after(4), actor=ann)
        assert (mine.owner, his.owner) == (ann, bob)
        assert take_on(his, owner=None, at=after(5), actor=bob).owner is None

    def test_what_somebody_else_has_taken_on_meanwhile_is_not_taken_from_them(self, outside):
        ann, bob = make.reception(), make.reception()
        seen_by_both = Discrepancy.objects.get(pk=outside.pk)
        take_on(outside, owner=ann, at=after(3), actor=ann)
        with pytest.raises(Refusal, match=f"{ann} has taken it on") as caught:
            take_on(seen_by_both, owner=bob, at=after(3), actor=bob)
        assert caught.value.code == "taken"

    def test_it_goes_to_nobody_who_could_not_resolve_it(self, outside):
        gone = make.reception()
        gone.is_active = False
        gone.save()
        for stranger in (make.auditor(), make.reception(make.clinic()), gone):
            with pytest.raises(Refusal, match="colleague of this clinic"):
                take_on(outside, owner=stranger, at=after(3), actor=make.manager())

    def test_a_closed_one_is_nobodys_work(self, outside):
        ann = make.reception()
        resolve(outside, note="Tried out.", at=after(3), actor=ann)
        with pytest.raises(Refusal) as caught:
            take_on(outside, owner=ann, at=after(4), actor=ann)
        assert caught.value.code == "wrong_state"

    def test_of_a_rental_it_is_a_change_of_its_patients_record(self, rental, device):
        import_logs(Log(device, after(1), counter=2).session(1, after(0)).session(2, after(0.1)), at=after(2))
        ann = make.reception()
        take_on(Discrepancy.objects.get(), owner=ann, at=after(2), actor=ann)
        assert Access.objects.filter(user=ann, action="changed", patient=rental.patient_id).exists()


class TestClosing:
    def test_it_says_why(self, outside):
        closed = resolve(outside, note="The return was late.", closed_as="corrected", at=after(3), actor=make.manager())
        assert (closed.state, closed.closed_as) == ("closed", "corrected")

    def test_that_later_data_explains_it_only_callus_says(self, outside):
        with pytest.raises(Refusal) as caught:
            resolve(outside, note="So.", closed_as="explained", at=after(3), actor=make.manager())
        assert caught.value.field == "closed_as"


class TestComingBack:
    def test_what_a_person_closed_stays_closed_while_nothing_changes(self, outside, shelved):
        ann = make.reception()
        resolve(outside, note="Tried out.", at=after(3), actor=ann)
        import_logs(Log(shelved, after(4), counter=2), at=after(5))
        reconcile([shelved.pk], after(6))
        outside.refresh_from_db()
        assert (outside.state, outside.note, outside.closed_by) == ("closed", "Tried out.", ann)

    def test_it_comes_back_to_its_owner_when_there_is_more_of_it(self, outside, shelved):
        ann = make.reception()
        resolve(take_on(outside, owner=ann, at=after(3), actor=ann), note="Tried out.", at=after(3), actor=ann)
        import_logs(Log(shelved, after(4), counter=3).session(3, after(3)), at=after(5))
        outside.refresh_from_db()
        assert "was used 3 times" in outside.why
        assert (outside.state, outside.owner, outside.closed_by, outside.closed_as) == ("open", ann, None, "")
        assert outside.events.filter(note="Tried out.", closed_by=ann).exists()

    def test_neither_other_words_nor_minutes_bring_it_back(self, outside, shelved):
        resolve(outside, note="Tried out.", at=after(3), actor=make.reception())
        older = outside.why.replace("was used", "had been in use").replace("07:00", "07:04")
        Discrepancy.objects.filter(pk=outside.pk).update(why=older)
        reconcile([shelved.pk], after(6))
        outside.refresh_from_db()
        assert (outside.state, outside.why) == ("closed", older)


class TestSilence:
    def test_a_device_of_which_nothing_is_heard_for_a_fortnight_is_silent(self, rental, device):
        sweep_silence(after(13))
        assert not Discrepancy.objects.exists()
        sweep_silence(after(13.5))
        silent = Discrepancy.objects.get()
        assert (silent.kind, silent.rental, silent.device) == ("silent_device", rental, device)
        assert silent.why == (
            f"Device {device.serial} is out with rental {rental.reference}, and nothing has been heard of it "
            "since 2 March 2026, 19:00."
        )

    @pytest.mark.parametrize("heard", ["reading", "read_out", "return", "threshold"])
    def test_it_is_over_when_something_is_heard(self, rental, device, heard):
        sweep_silence(after(20))
        if heard == "reading":
            take_reading(device, 12, read_at=after(20), at=after(20), actor=None)
        elif heard == "read_out":
            import_logs(Log(device, after(20), counter=20).daily(range(1, 21), MORNING), at=after(20))
        elif heard == "return":
            make.take_back(rental, counter=20, at=after(20))
        else:
            Clinic.objects.update(silent_after_days=None)
            sweep_silence(after(20))
        silent = Discrepancy.objects.get()
        assert (silent.state, silent.closed_as, silent.note) == ("closed", "explained", EXPLAINED)

    def test_old_data_is_no_sign_of_life(self, rental, device):
        sweep_silence(after(20))
        import_logs(Log(device, after(3), counter=4).daily(range(1, 5), MORNING), at=after(20))
        assert Discrepancy.objects.get().state == "open"
        sweep_silence(after(20))
        assert "since 6 March 2026, 07:00" in Discrepancy.objects.get().why

    def test_a_silence_that_was_accepted_is_reported_again_when_it_is_another_one(self, rental, device):
        sweep_silence(after(20))
        resolve(Discrepancy.objects.get(), note="On a journey.", at=after(20), actor=make.reception())
        sweep_silence(after(25))
        assert Discrepancy.objects.get().state == "closed"
        take_reading(device, 12, read_at=after(26), at=after(26), actor=None)
        sweep_silence(after(41))
        assert Discrepancy.objects.get().state == "open"

    def test_three_silent_devices_cost_no_more_queries_than_one(self, rental, device):
        def queries(at: datetime) -> int:
            with CaptureQueriesContext(connection) as captured:
                sweep_silence(at)
            return len(captured)

        one = queries(after(20))
        for _ in range(2):
            make.rental("active", device.clinic, at=after(0))
        assert queries(after(21)) == one
        assert Discrepancy.objects.filter(kind="silent_device").count() == 3

    def test_one_on_the_shelf_may_be_silent(self, shelved):
        sweep_silence(after(100))
        assert not Discrepancy.objects.filter(device=shelved).exists()


class TestTrust:
    @pytest.fixture
    def jumped(self, rental, device) -> Reading:
        take_reading(device, 2, read_at=after(1), at=after(1), actor=None)
        return take_reading(device, 40, read_at=after(1.1), at=after(2), actor=None)

    def test_a_reading_found_right_counts(self, jumped, rental, device):
        ann = make.reception()
        assert make.capacity_of(device).used_treatments == 2
        assert trust_reading(jumped, note="Looked twice.", at=after(2), actor=ann).trusted
        now = make.capacity_of(device)
        assert (now.used_treatments, now.promised_treatments) == (40, 10)
        found = Discrepancy.objects.get()
        assert (found.state, found.closed_as, found.note, found.closed_by) == (
            "closed",
            "corrected",
            "Looked twice.",
            ann,
        )

    def test_later_ones_that_fit_beside_it_are_trusted_too(self, jumped, device):
        later = take_reading(device, 41, read_at=after(1.2), at=after(2), actor=None)
        typo = take_reading(device, 410, read_at=after(1.3), at=after(2), actor=None)
        assert not later.trusted
        trust_reading(jumped, note="Looked twice.", at=after(2), actor=make.reception())
        later.refresh_from_db()
        typo.refresh_from_db()
        assert (later.trusted, typo.trusted) == (True, False)

    def test_what_was_used_at_a_hand_over_follows(self, jumped, rental, device):
        make.take_back(rental, counter=3, at=after(2))
        holding = rental.holdings.get()
        assert (holding.used_out, holding.used_back) == (0, 3)
        at_return = device.readings.get(source="return")
        assert at_return.trusted
        lower = take_reading(device, 1, read_at=after(1.9), at=after(2.1), actor=None)
        with pytest.raises(Refusal) as caught:
            trust_reading(jumped, note="So.", at=after(3), actor=make.reception())
        assert caught.value.code == "contradicted"
        assert not lower.trusted

    def test_one_that_is_in_no_doubt_is_left_alone(self, rental, device):
        sound = take_reading(device, 2, read_at=after(1), at=after(1), actor=None)
        with pytest.raises(Refusal) as caught:
            trust_reading(sound, note="So.", at=after(2), actor=make.reception())
        assert caught.value.code == "wrong_state"

    def test_it_takes_a_note(self, jumped):
        with pytest.raises(Refusal) as caught:
            trust_reading(jumped, note=" ", at=after(2), actor=make.reception())
        assert caught.value.field == "note"
