"""T2: random lives of several rentals on a few devices, judged by plain SQL after every step."""

import math
import os
from collections import Counter
from dataclasses import replace
from datetime import time, timedelta
from decimal import Decimal
from random import Random
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from config.models import Clinic
from config.refusals import Refusal
from devices.models import Device
from devices.readings import record_reading
from rentals import agreement, care, custody, ledger, return_receipt
from rentals.booking import book, change, extension, healing, offers, waiting
from rentals.booking.capacity import with_capacity
from rentals.booking.offers import sweep_offers
from rentals.booking.replan import mend, place_at_risk
from rentals.correction.device import correct_device
from rentals.correction.patient import correct_patient_of
from rentals.lifecycle import VERB_STATES, allows
from rentals.models import Holding, Priority, Rental
from rentals.models.states import State
from rentals.patient_requests import choose_return_slot
from rentals.recall import start_recall
from rentals.transfer import send
from tests import make
from tests.rentals.never import FREE, KEPT, broken, rows

DAY = timedelta(days=1)
MOST_DEVICES, MOST_LIVE = 5, 4
# As few as meet everything that can happen; `make drill` has more.
LIVES, STEPS = int(os.environ.get("CALLUS_LIVES", "14")), 60

REFUSALS = {
    "book": {"device_unavailable", "capacity_exceeded", "reuse_not_permitted", "clinic_closed"},
    "enquire": {"clinic_closed"},
    "reserve": {"device_unavailable", "capacity_exceeded", "reuse_not_permitted"},
    "prioritise": set(),
    "offer_again": set(),
    "offer_accepted": {"offer_expired", "device_not_ready"},
    "offer_declined": {"offer_expired"},
    "sign": set(),
    "sign_change": set(),
    "sign_return": {"wrong_state"},  # of a device that never came back
    "pay": {"too_much"},
    "hand_over": {"not_signed", "bond_unpaid", "device_not_ready", "device_unavailable"},
    "extend": {"device_unavailable", "capacity_exceeded", "clinic_closed", "invalid"},
    "swap": {"device_unavailable", "invalid"},
    "change_device": {"device_unavailable", "capacity_exceeded", "reuse_not_permitted", "invalid"},
    "pin": set(),
    "confirm_healed": set(),
    "choose_return": {"device_unavailable", "clinic_closed", "invalid"},
    "give_gel": set(),
    "plan_imaging": set(),
    "take_back": {"invalid"},
    "inspect": set(),
    "report_lost": {"invalid"},
    "report_kept": {"invalid"},
    "cancel": set(),
    "correct_device": {"device_unavailable", "device_not_ready", "reuse_not_permitted", "invalid"},
    "correct_patient": {"reuse_not_permitted", "invalid"},
}
NOT_ALLOWED = {"wrong_state", "offer_open", "offer_expired"}

HAPPENINGS = [
    *["somebody_books"] * 4,
    "somebody_asks",
    *["a_device_is_found"] * 2,
    *["offers_are_seen_to"] * 2,
    *["somebody_answers"] * 2,
    *["a_reservation_goes_on"] * 6,
    *["a_hire_goes_on"] * 6,
    *["a_hire_ends"] * 3,
    *["somebody_settles"] * 2,
    *["a_patient_treats"] * 3,
    *["the_desk_tries_anything"] * 5,
    *["somebody_reads_a_screen"] * 2,
    *["a_device_arrives"] * 2,
    "a_notice_comes",
    "a_device_is_sent_away",
    *["time_passes"] * 2,
    *["a_night_passes"] * 2,
]


# I11: an overdue device that is not blocked for a week from the day given, and a day to turn it around.
PRESUMED_TOO_SHORT = """
    SELECT h.device_id FROM rentals_holding h JOIN rentals_rental r ON r.id = h.rental_id
    JOIN devices_device d ON d.id = h.device_id AND d.clinic_id = r.clinic_id
    WHERE h.live AND h.out IS NOT NULL AND r.due_on < %(today)s AND upper(h.blocked) < %(today)s + 9
        AND d.condition IN ('ready', 'quarantine')"""
# I2: reservations that nobody insists on, on a device that has too few treatments for all it is promised to.
OVERPROMISED_TO_FLOATING = f"""
    SELECT h.device_id FROM rentals_holding h JOIN rentals_rental r ON r.id = h.rental_id
    JOIN ({FREE}) free (device_id, left_over) ON free.device_id = h.device_id
    WHERE h.live AND h.out IS NULL AND left_over < 0 AND NOT r.pinned AND r.capacity_override = ''
        AND r.due_on >= %(today)s"""
PLANNED = "SELECT verb FROM rentals_move WHERE verb IN ('replan', 'at_risk')"
OFFERS_OVER = "SELECT id FROM rentals_rental WHERE offer_expires_at <= %(now)s"


def all_in(*states):
    return list(Rental.objects.filter(state__in=states).order_by("pk"))


# A generator of its own for each step: what is chosen from depends on the database, and where the planner's brake
# strikes on a busy machine that may differ between two runs of the same life. Its seed is of booleans, for hypothesis
# mixes constants of all modules that happen to be imported into whatever else it draws.
CHANCES = st.lists(st.booleans(), min_size=32, max_size=32).map(lambda bits: Random(str(bits)))


class Desk(RuleBasedStateMachine):
    """One clinic, a few devices and patients, and a clock that moves on."""

    reached: Counter[str] = Counter()
    kept: dict[str, set[Any]]

    @initialize()
    def open(self):
        self.transaction = transaction.atomic()
        self.transaction.__enter__()
        self.now = make.NOW
        self.actor = make.manager()
        self.clinic = make.clinic()
        self.patients = [make.patient(self.clinic, actor=self.actor) for _ in range(3)]
        self.screens = {}
        for nominal, reuse in ((343, True), (60, True), (100, False)):
            self.buy(nominal, reuse)
        self.kept = {name: set() for name in KEPT}
        self.book(patient=self.patients[0])

    def teardown(self):
        if hasattr(self, "transaction"):
            self.reached.update(f"planner: {verb}" for (verb,) in rows(PLANNED))
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # as a commit would
            transaction.set_rollback(True)
            self.transaction.__exit__(None, None, None)

    def buy(self, nominal, reuse):
        device = make.device(self.clinic, nominal=nominal, reuse=reuse, at=self.now)
        self.screens[device.pk] = 0

    def attempt(self, verb, action, rental=None):
        """Do it; a refusal has a code that fits verb and state, and leaves nothing behind."""
        allowed = rental is None or allows(rental, verb)
        before = Rental.objects.count(), self.records()
        try:
            with transaction.atomic():
                result = action()
        except Refusal as refusal:
            assert refusal.code in (REFUSALS[verb] if allowed else NOT_ALLOWED), f"{verb}: {refusal.code}"
            assert before == (Rental.objects.count(), self.records())
            self.reached[f"{verb}: {refusal.code}"] += 1
            return None
        assert allowed, f"{verb} got through, though the rental was {rental and rental.state}"
        self.reached[verb] += 1
        self.reached[f"state {result.state}"] += 1
        return result

    def records(self):
        return {name: set(rows(question)) for name, question in KEPT.items()}

    def free(self, holding):
        return dict(rows(FREE))[holding.device_id]

    def holding(self, rental):
        return Holding.objects.filter(rental=rental, live=True).first()

    def screen(self, rental):
        holding = self.holding(rental)
        return self.screens.get(holding and holding.device_id, 0)

    @property
    def devices(self):
        return list(Device.objects.order_by("pk"))

    @property
    def moment(self):
        return {"at": self.now, "now": self.now, "actor": self.actor}

    @property
    def mark(self):
        return {"at": self.now, "actor": self.actor}

    # What happens

    @rule(chance=CHANCES)
    def something_happens(self, chance):
        """One rule for all, so that hypothesis does not leave some of them out of a life."""
        what = chance.choice(HAPPENINGS)
        self.reached[f"rule {what}"] += 1
        getattr(self, what)(chance)

    def time_passes(self, chance):
        self.now += timedelta(hours=chance.randint(1, 200))

    def a_night_passes(self, chance):
        """I11: what is overdue is presumed away; nothing that floats is left where it clashes or runs short (I2)."""
        late = [rental for rental in all_in(State.ACTIVE) if rental.due_on >= self.clinic.day_of(self.now)]
        self.now += DAY * ((chance.choice(late).due_on - self.clinic.day_of(self.now)).days + 1 if late else 1)
        today = self.clinic.day_of(self.now)
        mend(self.now)
        place_at_risk(Clinic.objects.all(), self.now)
        assert rows(PRESUMED_TOO_SHORT, today=today) == []
        assert rows(OVERPROMISED_TO_FLOATING, today=today) == []

    def a_device_arrives(self, chance):
        if Device.objects.filter(condition="ready").count() < MOST_DEVICES:
            self.buy(nominal=chance.choice([60, 343]), reuse=chance.choice([True, True, False]))

    def a_device_is_sent_away(self, chance):
        device, elsewhere = chance.choice(self.devices), make.clinic(at=self.now)
        there = {"to": elsewhere, "arrives_on": elsewhere.day_of(self.now)}
        try:
            send(device, **there, **self.mark)
        except Refusal as refusal:
            assert refusal.code in {"device_unavailable", "device_not_ready"}
        else:
            assert not Holding.objects.filter(device=device, live=True).exists()
            self.reached["transfer"] += 1

    def somebody_books(self, chance):
        if len(all_in(State.RESERVED, State.ACTIVE)) < MOST_LIVE:
            before = chance.choice([None, *all_in(State.ACTIVE)])
            first = self.clinic.day_of(self.now) + chance.randint(0, 20) * DAY
            self.book(
                patient=chance.choice(self.patients),
                device=self.holding(before).device if before else chance.choice([None, *self.devices]),
                starts_on=max(first, before.due_on + 2 * DAY) if before else first,
                days=chance.randint(3, 40),
                planned_treatments=chance.randint(1, 60),
                pinned=chance.choice([False, False, False, True]),
                delivery=chance.choice(["desk", "desk", "courier"]),
            )

    def somebody_asks(self, chance):
        wish = make.booking(self.clinic, at=self.now, patient=chance.choice(self.patients), days=chance.randint(3, 40))
        self.attempt("enquire", lambda: waiting.enquire(wish, **self.mark))
        self.offers_are_seen_to(chance)

    def a_device_is_found(self, chance):
        self.do(["reserve", "reserve", "prioritise", "offer_again", "cancel"], [State.ENQUIRY], chance)

    def offers_are_seen_to(self, chance):
        """The waiting list: what has run out goes back, what is free is held for the first whom it fits (I1, I2)."""
        if passed := Rental.objects.waiting().exclude(passed_at=None).first():
            self.offer_again(passed, chance)
        for offered in sweep_offers(self.now):
            assert self.free(self.holding(offered)) >= 0
            self.reached["offer"] += 1
            if answer := chance.choice([self.offer_accepted, self.offer_declined, None]):
                answer(offered, chance)
        assert rows(OFFERS_OVER, now=self.now) == []

    def somebody_answers(self, chance):
        if offered := list(Rental.objects.offered().order_by("pk")):
            answer = chance.choice([self.offer_accepted, self.offer_accepted, self.offer_declined])
            answer(chance.choice(offered), chance)

    def book(self, **wishes):
        wish = make.booking(self.clinic, at=self.now, **wishes)
        if wish.planned_treatments % 4 and not self.clinic.is_open(wish.due_on):
            wish = replace(wish, due_on=self.clinic.next_open_day(wish.due_on))
        rental = self.attempt("book", lambda: book.book(wish, **self.mark))
        assert rental is None or self.free(self.holding(rental)) >= 0  # I2

    def a_reservation_goes_on(self, chance):
        self.do(
            ["hand_over"] * 4 + ["sign", "pay", "extend", "change_device", "pin", "cancel"], [State.RESERVED], chance
        )

    def a_hire_goes_on(self, chance):
        self.do(
            ["swap", "swap", "extend", "correct_device", "correct_patient", "confirm_healed", "pay"],
            [State.ACTIVE],
            chance,
        )

    def a_hire_ends(self, chance):
        self.do(["take_back"] * 4 + ["report_lost", "report_kept"], [State.ACTIVE], chance)

    def somebody_settles(self, chance):
        self.do(["inspect", "inspect", "pay"], [State.RETURNED, State.LOST, State.KEPT], chance)

    def the_desk_tries_anything(self, chance):
        """Any verb on any rental, possible or not; but first what is possible and no life has got through yet."""
        missing = [
            (verb, rental)
            for verb in sorted(set(VERB_STATES) - set(self.reached))
            for rental in all_in(*State)
            if allows(rental, verb)
        ]
        anything = (chance.choice(sorted(VERB_STATES)), chance.choice(all_in(*State)))
        verb, rental = chance.choice(missing or [anything])
        getattr(self, verb)(rental, chance)

    def do(self, verbs, states, chance):
        rentals = all_in(*states)
        if rentals:
            self.now += timedelta(minutes=chance.randint(0, 5))  # sometimes two things bear the same time
            getattr(self, chance.choice(verbs))(chance.choice(rentals), chance)

    def a_patient_treats(self, chance):
        if rentals := all_in(State.ACTIVE):
            treatments = chance.randint(1, 30)
            self.now += treatments * DAY / 2
            self.screens[self.holding(chance.choice(rentals)).device_id] += treatments

    def somebody_reads_a_screen(self, chance):
        """I5: what cannot be is kept, and not trusted."""
        device, wrong = chance.choice(self.devices), chance.choice([0, -1, 50_000])
        counter = max(self.screens[device.pk] + wrong, 0)
        last = device.readings.filter(trusted=True).latest("read_at", "pk").counter
        read = record_reading(device, counter, read_at=self.now, now=self.now, actor=self.actor)
        expected = "counter_down" if counter < last else "counter_jump" if wrong > 0 else ""
        assert (read.flag, read.trusted) == (expected, not expected)
        self.reached[f"reading {expected or 'trusted'}"] += 1

    def a_notice_comes(self, chance):
        if chance.choice([True, False]):
            return
        device = chance.choice(self.devices)
        found = start_recall(model=device.model, serials=[device.serial], reason="Heat", **self.mark)
        holdings = Holding.objects.filter(device=device, live=True)
        assert [holding for holding in found.holders_now if holding.live] == list(holdings)
        assert not holdings.filter(out=None).exists()
        self.reached["recall"] += 1

    # How the desk does it

    def reserve(self, rental, chance):
        wanted = chance.choice([None, *self.devices])
        if self.attempt("reserve", lambda: waiting.reserve(rental, device=wanted, **self.mark), rental):
            assert self.free(self.holding(rental)) >= 0  # I2

    def prioritise(self, rental, chance):
        details = {"priority": chance.choice(list(Priority)), **self.mark}
        self.attempt("prioritise", lambda: waiting.prioritise(rental, **details), rental)

    def offer_again(self, rental, chance):
        self.attempt("offer_again", lambda: offers.offer_again(rental, **self.mark), rental)

    def offer_accepted(self, rental, chance):
        self.attempt("offer_accepted", lambda: offers.accept_offer(rental, **self.mark), rental)

    def offer_declined(self, rental, chance):
        if self.attempt("offer_declined", lambda: offers.decline_offer(rental, **self.mark), rental):
            assert self.holding(rental) is None

    def sign(self, rental, chance):
        details = {"name": "Ada Example", "accepted_terms_version": rental.terms.version, **self.mark}
        self.attempt("sign", lambda: agreement.sign(rental, **details), rental)

    def sign_change(self, rental, chance):
        paper = agreement.current_agreement(rental, at=self.mark["at"])
        details = {"name": "Ada Example", "accepted_terms_version": rental.terms.version, **self.mark}
        if allows(rental, "sign_change"):
            self.attempt("sign_change", lambda: agreement.sign(rental, paper=paper, method="typed", **details), rental)
            assert not agreement.needs_signature(rental)

    def sign_return(self, rental, chance):
        def signing():
            paper = return_receipt.return_receipt(rental, at=self.mark["at"])
            return return_receipt.sign_return(rental, paper=paper, name="Ada", method="typed", **self.mark)

        self.attempt("sign_return", signing, rental)

    def pay(self, rental, chance):
        kind, amount = chance.choice(["bond", "hire", "fee", "refund"]), Decimal(chance.choice([60, 300]))
        details = {"kind": kind, "amount": amount, "method": "card", **self.mark}
        self.attempt("pay", lambda: ledger.pay(rental, **details), rental)

    def hand_over(self, rental, chance):
        if allows(rental, "sign") and chance.choice([True, True, True, False]):
            make.prepare(rental, **self.mark)
        details = {"counter": self.screen(rental), "parts": [], "delivery": chance.choice(["desk", "courier"])}
        self.attempt("hand_over", lambda: custody.hand_over(rental, **details, **self.moment), rental)

    def extend(self, rental, chance):
        due_on, more = rental.due_on + chance.randint(-10, 40) * DAY, chance.choice([0, 20, 40])
        details = {"due_on": due_on, "planned_treatments": rental.planned_treatments + more, **self.mark}
        before = self.holding(rental)
        free_before = self.free(before) if before and before.device_id else 0
        if self.attempt("extend", lambda: extension.extend(rental, **details).rental, rental) and before.device_id:
            assert self.free(before) >= min(free_before, 0)  # I2: no more is promised than was free

    def swap(self, rental, chance):
        free = list(Device.objects.filter(condition="ready").exclude(holdings__live=True).order_by("pk"))
        device = chance.choice([*free, *free, *self.devices])
        details = {"counter_out": self.screen(rental), "device": device, "counter_in": self.screens[device.pk]}
        if self.attempt("swap", lambda: change.swap(rental, **details, **self.moment), rental):
            assert self.free(self.holding(rental)) >= 0  # I2

    def change_device(self, rental, chance):
        details = {"device": chance.choice(self.devices), **self.mark}
        if self.attempt("change_device", lambda: change.change_device(rental, **details), rental):
            assert self.free(self.holding(rental)) >= 0  # I2

    def pin(self, rental, chance):
        self.attempt("pin", lambda: change.pin(rental, pinned=chance.choice([True, False]), **self.mark), rental)

    def confirm_healed(self, rental, chance):
        details = {"on": self.clinic.day_of(self.now), "imaging": "CT", **self.mark}
        self.attempt("confirm_healed", lambda: healing.confirm_healed(rental, **details), rental)

    def choose_return(self, rental, chance):
        details = {"day": self.clinic.day_of(self.now) + chance.randint(0, 10) * DAY, "clock": time(10), **self.mark}
        self.attempt("choose_return", lambda: choose_return_slot(rental, **details), rental)

    def give_gel(self, rental, chance):
        self.attempt("give_gel", lambda: care.give_gel(rental, care.Gel(), **self.mark), rental)

    def plan_imaging(self, rental, chance):
        on = self.clinic.day_of(self.now) + chance.randint(0, 30) * DAY
        self.attempt("plan_imaging", lambda: care.plan_imaging(rental, on=on, **self.mark), rental)

    def take_back(self, rental, chance):
        details = {"counter": self.screen(rental), "parts": [], **self.moment}
        self.check_hire(self.attempt("take_back", lambda: custody.take_back(rental, **details), rental))

    def inspect(self, rental, chance):
        fees = [{"kind": "missing_part", "amount": Decimal(chance.choice([0, 25, 900]))}]
        details = {"passed": chance.choice([True, True, True, False]), "checks": {}, "fees": fees, **self.mark}
        self.attempt("inspect", lambda: custody.inspect(rental, **details), rental)

    def report_lost(self, rental, chance):
        details = {"reason": "Left on a train", **self.mark}
        self.check_hire(self.attempt("report_lost", lambda: custody.report_lost(rental, **details), rental))

    def report_kept(self, rental, chance):
        details = {"reason": "Bought it", **self.mark}
        self.check_hire(self.attempt("report_kept", lambda: custody.report_kept(rental, **details), rental))

    def cancel(self, rental, chance):
        self.attempt("cancel", lambda: change.cancel(rental, reason="Ill", **self.mark), rental)

    def correct_device(self, rental, chance):
        """What the patient was given in truth has delivered what was thought to have been another's."""
        device, before = chance.choice(self.devices), rental.holdings.exclude(out=None).last()
        details = {"device": device, "counter_out": self.screens.get(device.pk, 0), "reason": "Misread", **self.mark}
        if self.attempt("correct_device", lambda: correct_device(rental, **details), rental):
            given = before.counter_back or self.screens[before.device_id]
            self.screens[device.pk] += max(given - before.counter_out, 0)

    def correct_patient(self, rental, chance):
        details = {"patient": chance.choice(self.patients), "reason": "Namesake", **self.mark}
        self.attempt("correct_patient", lambda: correct_patient_of(rental, **details), rental)

    def check_hire(self, ended):
        """By weeks of local days, part weeks full, two at least; and ten dollars a day late."""
        if ended:
            first, last = (self.clinic.day_of(moment) for moment in (ended.handed_over_at, self.now))
            weeks, late = max(math.ceil((last - first).days / 7), 2), max((last - ended.due_on).days, 0)
            charged = [entry.amount for entry in ended.ledger.filter(kind__in=["hire", "late_fee"]).order_by("pk")]
            assert charged == [60 * weeks, *([10 * late] if late else [])]

    # What holds after every step

    @invariant()
    def what_must_never_be_is_not(self):
        assert broken() == []

    @invariant()
    def what_was_written_stays(self):
        """I4, I5, I9."""
        if hasattr(self, "kept"):
            before, self.kept = self.kept, self.records()
            assert all(self.kept[name] >= before[name] for name in KEPT)

    @invariant()
    def capacity_is_what_plain_sql_says(self):
        """I2."""
        reckoned = with_capacity(Device.objects.all()).values_list("pk", "free_treatments")
        assert dict(reckoned) == dict(rows(FREE))


@pytest.mark.django_db
def test_a_rental_lives_by_the_rules_whatever_happens_in_whatever_order(record_property):
    Desk.reached.clear()
    run_state_machine_as_test(
        Desk,
        settings=settings(
            max_examples=LIVES,
            stateful_step_count=STEPS,
            derandomize=True,
            database=None,
            deadline=None,
            phases=[Phase.generate],  # a life that fails is told at once; add Phase.shrink to have it made short
            suppress_health_check=list(HealthCheck),
        ),
    )
    reached = Desk.reached
    record_property("T2", dict(reached))
    print(*(f"{count:5} {what}" for what, count in sorted(reached.items())), sep="\n")
    assert set(VERB_STATES) | {"book", "enquire", "recall", "transfer", "offer"} <= set(reached)
    assert {"planner: replan", "planner: at_risk"} <= set(reached)
    assert {f"state {state}" for state in State} <= set(reached)
    assert {f"rule {what}" for what in HAPPENINGS} <= set(reached)
    assert {"reading trusted", "reading counter_jump"} <= set(reached)
