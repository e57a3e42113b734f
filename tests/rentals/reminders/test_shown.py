"""What staff read of a reminder: its kind and state in words, when it was sent and why it was not."""

import pytest

from rentals.models import Message, Reminder
from tests import make


def test_every_kind_has_words_for_people():
    assert dict(Reminder.Kind.choices) == {
        "agreement_to_sign": "Agreement to sign",
        "collect_tomorrow": "Collect tomorrow",
        "first_days": "How the first days went",
        "days_missed": "Days without treatment",
        "treatments_low": "Treatments running low",
        "gel_low": "Gel running low",
        "imaging_due": "Follow-up imaging due",
        "due_soon": "Due soon",
        "due_today": "Due today",
        "overdue": "Overdue",
        "offer": "Offer from the waiting list",
        "how_to_return": "Healed: how to return",
        "returned_thanks": "Returned, with thanks",
        "bond_refunded": "Bond refunded",
        "receipt": "Receipt",
    }


@pytest.mark.parametrize(
    ("state", "label"),
    [
        ("queued", "Waiting to be sent"),
        ("sending", "Being sent"),
        ("retry", "Will be tried again"),
        ("sent", "Sent"),
        ("failed", "Could not be sent"),
        ("unknown", "May not have arrived"),
        ("void", "Not sent"),
    ],
)
def test_a_reminder_shows_the_state_of_its_message(state, label):
    message = Message(state=state, sent_at=make.NOW, why="the mail server put it off (450)")
    reminder = Reminder(message=message)
    assert (reminder.state_shown, reminder.state_label) == (state, label)
    assert (reminder.sent_at, reminder.why_shown) == (make.NOW, message.why)


def test_a_reminder_without_a_message_is_planned():
    reminder = Reminder()
    assert (reminder.state_shown, reminder.state_label) == ("planned", "Planned")
    assert (reminder.sent_at, reminder.why_shown) == (None, "")


@pytest.mark.parametrize("message", [None, Message(state="sent", sent_at=make.NOW)])
def test_a_void_reminder_was_not_sent_and_says_why_whatever_became_of_its_message(message):
    reminder = Reminder(message=message, void=True, why=Reminder.Why.RETURNED)
    assert (reminder.state_shown, reminder.state_label) == ("void", "Not sent")
    assert (reminder.sent_at, reminder.why_shown) == (None, "The device came back")
