"""Offers made and answered at the same moment, and the pokes that have them made (I1, I2)."""

import threading
from collections import Counter
from datetime import date, timedelta
from functools import partial

import pytest
from django.db import transaction
from kombu.exceptions import OperationalError

from config.refusals import Refusal
from rentals import custody, deciding, tasks
from rentals.booking import book as booking_verbs
from rentals.booking import change, extension, offers
from rentals.booking.offers import accept_offer, decline_offer, offer_again, offer_next, sweep_offers
from rentals.models import Reminder, Rental
from rentals.reminders import plan
from rentals.transfer import send
from tests import make
from tests.rentals.api.client import Api
from tests.rentals.never import broken
from tests.shared import shared
from tests.threads import all_at_once, at_once

pytestmark = pytest.mark.django_db
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MONDAY = date(2026, 3, 2)
TUESDAY_NOON = make.NOW + DAY


@shared
def clinic():
    return make.clinic()


def now(rental):
    return Rental.objects.get(pk=rental.pk)


def by(actor=None):
    return {"at": make.NOW, "actor": actor or make.manager()}


def verbs_of(rental):
    return [move.verb for move in rental.moves.all()]


def outcome(action):
    try:
        return "won" if action() else "nothing"
    except Refusal as refusal:
        return refusal.code


def race(*actions):
    """What came of each: "won", "nothing", or the code of a refusal. Any other exception is the test's failure."""
    return all_at_once([partial(outcome, action) for action in actions])


@pytest.mark.django_db(transaction=True)
class TestRaces:
    """T1 in small."""

    @pytest.fixture
    def clinic(self):
        return make.clinic()

    def test_sweeps_at_once_offer_each_device_to_one_and_in_turn(self, clinic):
        """Whoever is first has an offer, however many offer at once."""
        rentals = [make.waiting(clinic) for _ in range(4)]
        for _ in range(2):
            make.device(clinic)
        offered = at_once(4, lambda: sweep_offers(make.NOW))
        assert sorted(rental.pk for each in offered for rental in each) == [rental.pk for rental in rentals[:2]]
        assert Reminder.objects.count() == 2
        assert broken() == []

    def test_nobody_is_passed_over_because_somebody_is_changing_a_device_just_now(self, clinic, monkeypatch):
        """The first wants the large device, which is locked; the next would be content with the small one."""
        first, second = make.waiting(clinic, planned_treatments=100), make.waiting(clinic)
        large, _ = make.device(clinic), make.device(clinic, nominal=30)
        monkeypatch.setattr(deciding, "LOCK_TIMEOUT", "50ms")
        locked, done = threading.Event(), threading.Event()

        def hold():
            with transaction.atomic():
                deciding.lock_devices([large.pk])
                locked.set()
                assert done.wait(timeout=10)

        def offer():
            locked.wait(timeout=10)
            offered = offer_next(clinic, make.NOW)
            done.set()
            return offered

        assert all_at_once([hold, offer]) == [None, []]
        assert offer_next(clinic, make.NOW) == [first, second]

    def test_accepting_and_running_out_at_the_same_moment_has_one_winner(self, clinic):
        for _ in range(4):
            rental = make.offered(clinic)
            accept = partial(accept_offer, rental, at=TUESDAY_NOON - timedelta(seconds=1), actor=None)
            outcomes = race(accept, partial(offers.expire_offers, clinic, TUESDAY_NOON))
            assert outcomes in (["won", "nothing"], ["offer_expired", "won"])
            assert now(rental).state == ("reserved" if outcomes[0] == "won" else "enquiry")
            assert rental.holdings.filter(live=True).exists() is (outcomes[0] == "won")
            assert broken() == []

    def test_of_many_answers_one_counts(self, clinic):
        for _ in range(3):
            rental = make.offered(clinic)
            answers = [partial(verb, now(rental), **by()) for verb in (accept_offer, decline_offer) * 3]
            outcomes = Counter(race(*answers))
            assert outcomes["won"] == 1
            assert set(outcomes) <= {"won", "wrong_state", "offer_expired"}
            assert [verb for verb in verbs_of(rental) if verb in ("offer_accepted", "offer_declined")] == [
                "offer_accepted" if now(rental).state == "reserved" else "offer_declined"
            ]

    def test_an_offer_and_a_booking_want_the_last_device(self, clinic):
        """I1."""
        for _ in range(3):
            rental, device = make.waiting(clinic), make.device(clinic)
            booking = make.booking(clinic, device=device, starts_on=MONDAY + DAY)
            outcomes = race(
                partial(booking_verbs.book, booking, **by()), partial(offers.offer, rental, clinic, make.NOW)
            )
            assert sorted(outcomes) in (["nothing", "won"], ["device_unavailable", "won"])
            assert device.holdings.filter(live=True).count() == 1
            change.cancel(now(rental), reason="Over", **by())


@pytest.mark.django_db(transaction=True)
class TestPokes:
    """What frees a device has it offered at once, by a worker; the sweep finds what a lost poke missed."""

    @pytest.fixture
    def clinic(self):
        return make.clinic()

    def poked(self, queue):
        return [poke for poke in queue.lrange("celery", 0, -1) if b"offer_what_is_free" in poke]

    def test_what_frees_a_device_pokes_when_somebody_waits(self, clinic, queue):
        rental = make.rental("reserved", clinic)
        returned = make.rental("returned", clinic)
        shortened = make.rental("active", clinic)
        swapped = make.device(clinic, condition="quarantine")
        offered = make.offered(clinic)
        details = {"at": make.NOW + 14 * DAY, "actor": make.manager()}
        waits = make.waiting(clinic)
        for number, free in enumerate(
            [
                lambda: change.cancel(rental, reason="Ill", **details),
                lambda: make.inspect(returned, at=make.NOW + 14 * DAY),
                lambda: extension.extend(shortened, due_on=shortened.due_on - 3 * DAY, **details),
                lambda: custody.inspect_unit(swapped, passed=True, checks={}, **details),
                lambda: decline_offer(offered, **details),
                lambda: offer_again(now(offered), **details),
            ],
            start=1,
        ):
            free()
            assert len(self.poked(queue)) == number
        assert waits.patient.email.encode() not in b"".join(self.poked(queue))

    def test_a_new_device_and_one_that_is_sent_here_poke_too(self, clinic, queue):
        make.waiting(clinic)
        elsewhere, actor = make.device(), make.manager()
        send(elsewhere, to=clinic, arrives_on=MONDAY, at=make.NOW, actor=actor)
        assert len(self.poked(queue)) == 1
        model = make.device_model()
        new = {"serial": "1121000001", "part_number": model.part_number, "clinic": clinic.pk, "condition": "ready"}
        assert Api(actor).post("/devices/", new)[0] == 201
        assert len(self.poked(queue)) == 2

    def test_what_a_killed_worker_left_undone_the_next_sweep_does(self, clinic):
        """Killed after an offer had been taken back, and after the next had been made."""
        make.waiting(clinic)
        second = make.waiting(clinic)
        make.device(clinic)
        sweep_offers(make.NOW)
        offers.expire_offers(clinic, TUESDAY_NOON)
        assert sweep_offers(TUESDAY_NOON + timedelta(minutes=1)) == [second]
        assert second.reminders.get().message is None
        plan.plan_reminders(TUESDAY_NOON + timedelta(minutes=5))
        assert second.reminders.get().message.state == "queued"

    def test_nobody_is_poked_where_nobody_waits(self, clinic, queue):
        change.cancel(make.rental("reserved", clinic), reason="Ill", **by())
        assert self.poked(queue) == []

    def test_a_dead_queue_loses_nothing(self, clinic, monkeypatch, caplog):
        """What Celery raises when nobody answers at REDIS_URL."""

        def nobody_answers(*arguments, **options):
            raise OperationalError

        make.waiting(clinic)
        rental = make.rental("reserved", clinic)
        monkeypatch.setattr(tasks.offer_what_is_free, "apply_async", nobody_answers)
        change.cancel(rental, reason="Ill", **by())
        assert "offered at the next sweep" in caplog.text
        assert len(sweep_offers(make.NOW)) == 1

    def test_the_sweep_offers_and_has_the_mail_sent(self, clinic, queue, monkeypatch):
        rental = make.waiting(clinic)
        make.device(clinic)
        monkeypatch.setattr(tasks, "datetime", type("Clock", (), {"now": lambda zone: make.NOW}))
        tasks.offer_what_is_free(clinic.pk)
        message = Reminder.objects.get(rental=rental).message
        [poke] = queue.lrange("celery", 0, -1)
        assert f"([{message.pk}],)".encode() in poke
