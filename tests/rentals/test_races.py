"""T1 in small: verbs at the same moment, in threads with connections of their own.

Whoever loses gets a Refusal with a code, never another exception; the database's rows are the judge.
`drills/races.py` does the same at full size, through the real server.
"""

import threading
from collections import Counter
from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection

from config.refusals import Refusal
from devices.models import Device
from patients.models import Patient
from rentals import custody, ledger
from rentals.booking import book as booking_verbs
from rentals.booking import change, extension
from rentals.models import Holding, LedgerEntry, Rental
from rentals.recall import start_recall
from tests import make
from tests.threads import all_at_once

pytestmark = pytest.mark.django_db(transaction=True)
DAY = timedelta(days=1)
ROUNDS, CONTENDERS = 3, 8


def race(*actions):
    """What came of each action: "won", or the code of its refusal. Any other exception is the test's failure."""

    def outcome(action):
        try:
            action()
        except Refusal as refusal:
            return refusal.code
        return "won"

    return all_at_once([partial(outcome, action) for action in actions])


def bookings(clinic, number, **wishes):
    """As many bookings as `number`, each for a patient of its own, ready to be made."""
    actor = make.manager()
    made = [make.booking(clinic, **wishes) for _ in range(number)]
    return [partial(booking_verbs.book, booking, at=make.NOW, actor=actor) for booking in made]


def at(moment):
    return {"at": moment, "now": moment, "actor": make.manager()}


class TestOneWins:
    def test_the_last_device(self):
        """I1."""
        clinic = make.clinic()
        for _ in range(ROUNDS):
            device = make.device(clinic)
            outcomes = race(*bookings(clinic, CONTENDERS, device=device))
            assert Counter(outcomes) == {"won": 1, "device_unavailable": CONTENDERS - 1}
            assert device.holdings.count() == 1

    def test_as_many_as_there_are_devices(self):
        """Whoever finds the best device taken gets the next one."""
        clinic = make.clinic()
        for _ in range(3):
            make.device(clinic)
        outcomes = race(*bookings(clinic, CONTENDERS))
        assert Counter(outcomes) == {"won": 3, "device_unavailable": CONTENDERS - 3}
        assert Rental.objects.count() == Holding.objects.values("device").distinct().count() == 3

    def test_the_last_treatments_of_a_device(self):
        """I2: on days far apart, so that only the treatments are scarce."""
        clinic = make.clinic()
        for _ in range(ROUNDS):
            device = make.device(clinic, nominal=100)
            wishes = {"device": device, "planned_treatments": 51}
            actions = [
                *bookings(clinic, 1, **wishes),
                *bookings(clinic, 1, starts_on=date(2026, 6, 1), **wishes),
                *bookings(clinic, 1, starts_on=date(2026, 9, 7), **wishes),
            ]
            assert Counter(race(*actions)) == {"won": 1, "capacity_exceeded": 2}
            assert make.capacity_of(device).free_treatments == 49

    def test_an_extension_and_a_booking_of_the_same_days(self):
        """I1."""
        for _ in range(ROUNDS):
            rental = make.rental("active")
            device = rental.holdings.get().device
            extend = partial(extension.extend, rental, due_on=date(2026, 5, 11), at=make.NOW, actor=make.manager())
            book = bookings(rental.clinic, 1, device=device, starts_on=date(2026, 4, 13))
            assert sorted(race(extend, *book)) == ["device_unavailable", "won"]

    def test_more_treatments_for_two_rentals_of_one_device(self):
        """I2."""
        clinic = make.clinic()
        device = make.device(clinic, nominal=100)
        rentals = [make.book(clinic, device=device, starts_on=day) for day in (date(2026, 3, 2), date(2026, 6, 1))]
        actions = [
            partial(extension.extend, rental, due_on=rental.due_on, planned_treatments=60, **at_moment())
            for rental in rentals
        ]
        assert sorted(race(*actions)) == ["capacity_exceeded", "won"]
        assert make.capacity_of(device).free_treatments == 12

    def test_one_replacement_for_two_swaps_and_a_booking(self):
        """Each swap locks two devices; in id order they never wait crosswise."""
        clinic = make.clinic()
        rentals = [make.rental("active", clinic) for _ in range(2)]
        moment = make.NOW + DAY
        for _ in range(ROUNDS):
            replacement = make.device(clinic)
            swaps = [
                partial(change.swap, rental, counter_out=1, device=replacement, counter_in=0, **at(moment))
                for rental in rentals
            ]
            outcomes = race(*swaps, *bookings(clinic, 1, device=replacement))
            assert Counter(outcomes) == {"won": 1, "device_unavailable": 2}
            assert replacement.holdings.count() == 1
            rentals = [make.rental("active", clinic) for _ in range(2)]

    @pytest.mark.parametrize("verb", ["hand_over", "take_back", "inspect", "cancel", "report_lost"])
    def test_the_same_verb_twice(self, verb):
        """I4: one does it, the other is told that it is done."""
        state = {"hand_over": "reserved", "cancel": "reserved", "inspect": "returned"}.get(verb, "active")
        for _ in range(ROUNDS):
            rental = make.rental(state)
            if verb == "hand_over":
                make.prepare(rental)
            moment, actor = make.NOW + 14 * DAY, make.manager()
            action = {
                "hand_over": partial(custody.hand_over, counter=0, parts=[], **at(moment)),
                "take_back": partial(custody.take_back, counter=14, parts=[], **at(moment)),
                "inspect": partial(custody.inspect, passed=True, checks={}, fees=[], at=moment, actor=actor),
                "cancel": partial(change.cancel, reason="Ill", at=moment, actor=actor),
                "report_lost": partial(custody.report_lost, reason="Lost", at=moment, actor=actor),
            }[verb]
            copies = [Rental.objects.get(pk=rental.pk) for _ in range(3)]
            assert Counter(race(*[partial(action, copy) for copy in copies])) == {"won": 1, "wrong_state": 2}
            assert rental.moves.filter(verb=verb).count() == 1
            assert not hire_charged_twice(rental)

    def test_a_refund(self):
        """I9: it is paid once, though three pay it."""
        for _ in range(ROUNDS):
            rental = make.rental("closed")
            refund = partial(ledger.pay, rental, kind="refund", amount=180, method="card", **at_moment())
            assert Counter(race(refund, refund, refund)) == {"won": 1, "too_much": 2}
            assert ledger.balance(rental) == 0

    def test_a_bond(self):
        rental = make.rental("reserved")
        bond = partial(ledger.pay, rental, kind="bond", amount=300, method="card", **at_moment())
        assert Counter(race(bond, bond, bond)) == {"won": 1, "too_much": 2}
        assert ledger.bond_held(rental) == 300

    def test_a_person_registered_at_two_desks(self):
        clinic, actor = make.clinic(), make.manager()
        register = partial(
            make.patient, clinic, given_name="Zoe", family_name="Twin", email="zoe@patients.example", actor=actor
        )
        assert sorted(race(register, register)) == ["possible_duplicate", "won"]
        assert Patient.objects.count() == 1


def at_moment():
    return {"at": make.NOW + 15 * DAY, "actor": make.manager()}


def hire_charged_twice(rental):
    return LedgerEntry.objects.filter(rental=rental, kind__in=["hire", "refund_due"]).count() > 2


class TestOneOrTheOther:
    def test_a_hand_over_against_a_cancellation(self):
        for _ in range(ROUNDS):
            rental = make.prepare(make.rental("reserved"))
            hand_over = partial(custody.hand_over, rental, counter=0, parts=[], **at(make.NOW))
            cancel = partial(change.cancel, rental, reason="Ill", at=make.NOW, actor=make.manager())
            outcomes = race(hand_over, cancel)
            assert sorted(outcomes) == ["won", "wrong_state"]
            now = Rental.objects.get(pk=rental.pk)
            assert now.state == ("active" if outcomes[0] == "won" else "cancelled")
            assert rental.holdings.get().live is (now.state == "active")

    def test_a_return_against_an_extension(self):
        """The return always gets through; the extension does if it came first."""
        for _ in range(ROUNDS):
            rental = make.rental("active")
            moment = make.NOW + 35 * DAY
            take_back = partial(custody.take_back, rental, counter=14, parts=[], **at(moment))
            extend = partial(extension.extend, rental, due_on=date(2026, 5, 4), at=moment, actor=make.manager())
            returned, extended = race(take_back, extend)
            late_fees = LedgerEntry.objects.filter(rental=rental, kind="late_fee").count()
            assert returned == "won"
            assert (extended, late_fees) in {("won", 0), ("wrong_state", 1)}

    def test_a_return_against_a_payment(self):
        """Neither has anything against the other."""
        for _ in range(ROUNDS):
            rental = make.rental("active")
            take_back = partial(custody.take_back, rental, counter=14, parts=[], **at(make.NOW + 14 * DAY))
            pay = partial(ledger.pay, rental, kind="hire", amount=60, method="cash", **at_moment())
            assert race(take_back, pay) == ["won", "won"]
            assert ledger.balance(rental) == 60

    def test_a_recall_against_a_hand_over(self):
        """Whoever got the device is on the recall's list, or nobody got it."""
        for _ in range(ROUNDS):
            rental = make.prepare(make.rental("reserved"))
            device = rental.holdings.get().device
            found: list[Any] = []

            def recall(device=device, found=found):
                found.append(
                    start_recall(
                        model=device.model, serials=[device.serial], reason="Heat", at=make.NOW, actor=make.manager()
                    )
                )

            outcomes = race(partial(custody.hand_over, rental, counter=0, parts=[], **at(make.NOW)), recall)
            assert outcomes in (["won", "won"], ["device_not_ready", "won"])
            out = [rental.pk] if outcomes[0] == "won" else []
            assert [holding.rental_id for holding in found[0].holders_now] == out
            assert Device.objects.get(pk=device.pk).condition == "recalled"

    def test_a_recall_against_a_booking(self):
        """A booking made just before is at risk; just after, it is refused."""
        for _ in range(ROUNDS):
            device = make.device()
            recall = partial(start_recall, model=device.model, serials=[device.serial], reason="Heat", **at_moment())
            (book,) = bookings(device.clinic, 1, device=device)
            assert race(book, recall) in (["won", "won"], ["device_unavailable", "won"])
            assert not device.holdings.filter(live=True).exists()


class TestControls:
    """The guards taken away: the races are real."""

    def test_the_naive_way_books_one_device_twice(self):
        """Read, wait, save: without the constraint both clerks get the device."""
        clinic = make.clinic()
        device = make.device(clinic)
        both_have_looked = threading.Barrier(2)

        def naively(booking):
            assert not device.holdings.filter(live=True, blocked__overlap=booking.need.blocked_on(device)).exists()
            both_have_looked.wait(timeout=10)
            rental = booking_verbs.make_rental(booking, at=make.NOW, actor=None)
            Holding.objects.create(rental=rental, device=device, blocked=booking.need.blocked_on(device))

        wanted = [make.booking(clinic) for _ in range(2)]
        (constraint,) = [c for c in Holding._meta.constraints if c.name == "holding_blocks_device_once"]
        with connection.schema_editor() as editor:
            editor.remove_constraint(Holding, constraint)
        try:
            assert race(*[partial(naively, booking) for booking in wanted]) == ["won", "won"]
            assert device.holdings.filter(live=True).count() == 2
        finally:
            Holding.objects.all().delete()
            with connection.schema_editor() as editor:
                editor.add_constraint(Holding, constraint)

    @pytest.mark.parametrize(("locked", "outcomes"), [(True, ["capacity_exceeded", "won"]), (False, ["won", "won"])])
    def test_without_the_lock_a_device_is_promised_more_than_it_has(self, monkeypatch, locked, outcomes):
        clinic = make.clinic()
        device = make.device(clinic, nominal=100)
        actions = [
            *bookings(clinic, 1, device=device, planned_treatments=51),
            *bookings(clinic, 1, device=device, planned_treatments=51, starts_on=date(2026, 6, 1)),
        ]
        both_have_looked, make_rental = threading.Barrier(2), booking_verbs.make_rental

        def make_rental_later(*arguments, **details):
            """Wait for the other clerk; where the lock keeps the other out, go on alone."""
            try:
                both_have_looked.wait(timeout=1)
            except threading.BrokenBarrierError:
                assert locked
            return make_rental(*arguments, **details)

        monkeypatch.setattr(booking_verbs, "make_rental", make_rental_later)
        if not locked:
            monkeypatch.setattr(booking_verbs, "lock_devices", lambda ids: None)
        assert sorted(race(*actions)) == outcomes
        assert make.capacity_of(device).free_treatments == (49 if locked else -2)
