"""The life of a rental: which verb is allowed in which state, and the one function that moves it (I4)."""

from datetime import datetime, timedelta

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.models import User
from config.refusals import Refusal
from config.roles import may
from config.words import in_sentence
from rentals.models import Move, Rental
from rentals.models.states import MOVES, State

VERB_STATES: dict[str, frozenset[State]] = {
    "reserve": frozenset({State.ENQUIRY}),
    "prioritise": frozenset({State.ENQUIRY}),
    "offer_again": frozenset({State.ENQUIRY}),
    "offer_accepted": frozenset({State.RESERVED}),
    "offer_declined": frozenset({State.RESERVED}),
    "sign": frozenset({State.RESERVED}),
    "sign_change": frozenset({State.ACTIVE}),  # another due day or plan, agreed while the device is out
    "sign_return": frozenset({State.RETURNED, State.CLOSED}),
    "pay": frozenset(State) - {State.ENQUIRY},
    "hand_over": frozenset({State.RESERVED}),
    "extend": frozenset({State.RESERVED, State.ACTIVE}),
    "swap": frozenset({State.ACTIVE}),
    "change_device": frozenset({State.RESERVED}),
    "pin": frozenset({State.RESERVED}),
    "confirm_healed": frozenset({State.ACTIVE}),
    "choose_return": frozenset({State.ACTIVE}),
    "give_gel": frozenset({State.ACTIVE}),
    "plan_imaging": frozenset({State.RESERVED, State.ACTIVE}),
    "take_back": frozenset({State.ACTIVE}),
    # Lost and kept rentals are settled by the same reckoning, without touching the device.
    "inspect": frozenset({State.RETURNED, State.LOST, State.KEPT}),
    "report_lost": frozenset({State.ACTIVE}),
    "report_kept": frozenset({State.ACTIVE}),
    "cancel": frozenset({State.ENQUIRY, State.RESERVED}),
    "correct_device": frozenset({State.ACTIVE, State.RETURNED}),
    "correct_patient": frozenset({State.ENQUIRY, State.RESERVED, State.ACTIVE, State.RETURNED}),
}
ANSWERS = frozenset({"offer_accepted", "offer_declined"})  # only an open offer is answered
AFTER_THE_ANSWER = frozenset({"sign", "pay", "hand_over", "extend", "correct_patient"})  # an offer is not yet booked

DAYS_BACK = 3
NEXT_STEP = {
    State.ENQUIRY: gettext_lazy("reserve a device for it first"),
    State.RESERVED: gettext_lazy("hand the device over or cancel it"),
    State.ACTIVE: gettext_lazy("take the device back first"),
    State.RETURNED: gettext_lazy("inspect the device to settle and close it"),
    State.LOST: gettext_lazy("settle and close it"),
    State.KEPT: gettext_lazy("settle and close it"),
    State.CLOSED: gettext_lazy("it is finished; book a new rental"),
    State.CANCELLED: gettext_lazy("it was cancelled; book a new rental"),
}


def allows(rental: Rental, verb: str) -> bool:
    """Whether `verb` is possible in the rental's state, as far as can be said without a clock."""
    if State(rental.state) not in VERB_STATES[verb]:
        return False
    is_offer = rental.offer_expires_at is not None
    if verb == "offer_again":
        return rental.passed_at is not None
    return is_offer if verb in ANSWERS else not (is_offer and verb in AFTER_THE_ANSWER)


def require(rental: Rental, verb: str) -> None:
    """Raise `wrong_state` unless the rental's state allows `verb`; `offer_open` for what has to wait for the patient's
    answer, `offer_expired` for an answer that comes when the offer is over."""
    if allows(rental, verb):
        return
    if verb in ANSWERS and rental.passed_at and rental.state == State.ENQUIRY:
        raise offer_expired(rental)
    if verb in AFTER_THE_ANSWER and rental.offer_expires_at:
        raise offer_open(rental)
    raise wrong_state(rental)


def wrong_state(rental: Rental) -> Refusal:
    """The 409 that says what is to be done with the rental instead."""
    state = State(rental.state)
    step = _("accept the offer for the patient, or decline it") if rental.offer_expires_at else NEXT_STEP[state]
    return Refusal(
        "wrong_state",
        _("Rental %(reference)s is %(state)s, so this is not possible now: %(step)s.")
        % {"reference": rental.reference, "state": in_sentence(state.label), "step": step},
        conflict={"reference": rental.reference, "state": state.value},
    )


def offer_open(rental: Rental) -> Refusal:
    return Refusal(
        "offer_open",
        _("Rental %(reference)s is an offer that the patient has not answered; accept it first, or decline it.")
        % {"reference": rental.reference},
        conflict={"reference": rental.reference},
    )


def offer_expired(rental: Rental) -> Refusal:
    return Refusal(
        "offer_expired",
        _(
            "The offer of rental %(reference)s is over, and its device is no longer held; have it offered "
            "again from the waiting list, or find a device for it."
        )
        % {"reference": rental.reference},
        conflict={"reference": rental.reference},
    )


def check_moment(clinic_moment: datetime, *, now: datetime, actor: User | None) -> None:
    """Refuse a moment in the future, or further back than `actor` may record (three days, or any for a manager)."""
    if clinic_moment > now:
        raise Refusal("in_the_future", _("This moment has not come yet; correct the time."), status=400, field="at")
    too_old = clinic_moment < now - timedelta(days=DAYS_BACK)
    if too_old and actor is not None and not may(actor, "rentals.backdate"):
        raise Refusal(
            "too_far_back",
            _("Reception may record up to %(days_back)s days back; ask a manager to enter this.")
            % {"days_back": DAYS_BACK},
            status=400,
            field="at",
        )


def move(
    rental: Rental,
    verb: str,
    *,
    to: State | None = None,
    at: datetime,
    now: datetime,
    actor: User | None,
    reason: str = "",
    **changes: object,
) -> None:
    """Change the state to `to` (none: leave it) with `changes` of other columns, and write down who and when.

    The only function that changes a state. The caller holds the transaction.
    """
    old = State(rental.state)
    new = to or old
    if to is not None and to not in MOVES[old]:
        raise Refusal(
            "wrong_state",
            _("A rental that is %(old)s cannot become %(new)s.")
            % {"old": in_sentence(old.label), "new": in_sentence(new.label)},
        )
    # The old state in the WHERE clause is the lock: of two at once one gets 0.
    agreed = Rental.objects.filter(pk=rental.pk, state=old).update(state=new, **changes)
    if not agreed:
        raise Refusal("wrong_state", _("Somebody else changed this rental just now; look at it again."))
    rental.state = new
    for name, value in changes.items():
        setattr(rental, name, value)
    record(rental, verb, old=old, at=at, now=now, actor=actor, reason=reason)


def record(
    rental: Rental,
    verb: str,
    *,
    old: State | str,
    at: datetime,
    now: datetime,
    actor: User | None,
    reason: str = "",
) -> None:
    """Write one line of the rental's history."""
    Move.objects.create(
        rental=rental,
        verb=verb,
        old_state=old,
        new_state=rental.state,
        at=at,
        recorded_at=now,
        actor=actor,
        reason=reason,
    )
