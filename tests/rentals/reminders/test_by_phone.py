"""Who is told, and what staff say by phone where no mail can tell it (I8)."""

from datetime import date, timedelta

import pytest

from patients.models import Contact, Patient, Payer, SuppressedAddress
from rentals.ledger import pay
from rentals.models import Message, MessageReport, Reminder, ReminderRule, Rental, StaffTask
from rentals.models.states import State
from rentals.reminders import outbox, plan
from rentals.reminders.calls import give_up, open_calls
from rentals.silence import silence
from rentals.staff_tasks import do_task, settle_tasks
from tests import make
from tests.rentals.reminders.moments import before_start, days_overdue, overdue, plan_at, reserved, switch_off

pytestmark = pytest.mark.django_db


def told(channel="email"):
    rows = Reminder.objects.filter(channel=channel).order_by("pk")
    return [(row.kind, row.recipient, row.state_shown, row.why) for row in rows]


def calls():
    return StaffTask.objects.filter(kind="phone").open()


def contact(rental, receives, **columns):
    details = {"name": "Bea Example", "email": "bea@contacts.example", "created_at": make.NOW, **columns}
    return Contact.objects.create(patient=rental.patient, receives=receives, **details)


@pytest.mark.parametrize(
    ("receives", "recipients"),
    [
        ("instead", ["contact"]),
        ("beside", ["patient", "contact"]),
        ("nothing", ["patient"]),
    ],
)
def test_a_contact_person_is_told_instead_of_the_patient_or_beside_or_not(active, receives, recipients):
    contact(active, receives)
    plan_at(active, days_overdue(active, 1))
    assert told() == [("overdue", recipient, "queued", "") for recipient in recipients]
    assert list(Message.objects.order_by("pk").values_list("recipient", flat=True)) == recipients


def test_what_waits_goes_to_whoever_is_told_by_then(active):
    at = days_overdue(active, 1)
    plan.write_due_reminders(active.clinic, at)
    someone = contact(active, "instead")
    plan_at(active, at)
    assert told() == [("overdue", "contact", "queued", "")]
    Contact.objects.filter(pk=someone.pk).update(receives="nothing")
    assert outbox.send(Message.objects.get().pk, at) == "void"
    plan_at(active, at)
    assert told() == [("overdue", "patient", "queued", "")]


def test_a_receipt_goes_to_the_payer_and_all_else_to_the_patient():
    rental = reserved(starts_on=date(2026, 3, 10))
    at = before_start(rental)
    payer = Payer.objects.create(
        patient=rental.patient, name="Insurer", email="claims@payers.example", created_at=make.NOW
    )
    Rental.objects.filter(pk=rental.pk).update(payer=payer)
    pay(rental, kind="hire", amount=100, method="card", at=at, actor=make.manager())
    plan_at(rental, at)
    assert sorted(told()) == [("collect_tomorrow", "patient", "queued", ""), ("receipt", "payer", "queued", "")]
    assert Message.objects.count() == 2


def test_receipts_bundled_for_one_payer_reach_no_other_that_a_rental_has_since(sink):
    first = reserved()
    second = reserved(first.clinic, patient=first.patient, starts_on=date(2026, 5, 11), due_on=date(2026, 6, 1))
    details = {"patient": first.patient, "created_at": make.NOW}
    insurer = Payer.objects.create(name="Insurer", email="Claims@payers.example", **details)
    employer = Payer.objects.create(name="Employer", email="pay@payers.example", **details)
    at = make.NOW
    for rental in (first, second):
        Rental.objects.filter(pk=rental.pk).update(payer=insurer)
        pay(rental, kind="hire", amount=100, method="card", at=at, actor=make.manager())
    switch_off(first.clinic, "collect_tomorrow")
    plan_at(first, at)
    assert Message.objects.get().reminders.count() == 2
    Rental.objects.filter(pk=first.pk).update(payer=employer)
    for minutes in (0, 5):
        outbox.send_due(at + timedelta(minutes=minutes))
        plan_at(first, at + timedelta(minutes=minutes))
    outbox.send_due(at + timedelta(minutes=10))
    sent = {row.rental: mail_of(row, sink)["To"] for row in Reminder.objects.filter(message__state="sent")}
    assert sent == {first: "pay@payers.example", second: "Claims@payers.example"}


def mail_of(reminder, sink):
    """The one mail that tells of the reminder's rental."""
    [mail] = [mail for mail in sink.mails if reminder.rental.reference in str(mail.get_body(("plain",)))]
    return mail


def test_without_an_address_staff_are_given_the_words_to_say_once(active):
    Patient.objects.filter(pk=active.patient_id).update(email="")
    at = days_overdue(active, 1)
    plan_at(active, at)
    plan_at(active, at + timedelta(minutes=5))
    assert told() == [("overdue", "patient", "void", "no_email")]
    assert told("phone") == [("overdue", "patient", "planned", "")]
    [task] = calls()
    assert task.reminder.channel == "phone"
    done = do_task(task, note="Comes tomorrow", at=at, actor=make.reception())
    assert "30 March 2026" in done.words
    assert told("phone") == [("overdue", "patient", "sent", "")]
    assert Reminder.objects.get(channel="phone").state_label == "Told by phone"


@pytest.mark.parametrize("why", ["bounced", "complained"])
def test_nothing_is_mailed_to_a_suppressed_address_until_it_is_lifted(active, why):
    address = SuppressedAddress.objects.create(address=active.patient.email.lower(), why=why, since=make.NOW)
    plan_at(active, days_overdue(active, 1))
    assert told() == [("overdue", "patient", "void", why)]
    assert calls().count() == 1
    SuppressedAddress.objects.filter(pk=address.pk).update(lifted_at=make.NOW, lifted_by=make.manager())
    assert len(plan_at(active, days_overdue(active, 3)).messages) == 1


def test_an_address_suppressed_since_it_was_bundled_is_found_when_the_mail_is_about_to_leave(active):
    at = days_overdue(active, 1)
    [message] = plan_at(active, at).messages
    SuppressedAddress.objects.create(address=active.patient.email.lower(), why="bounced", since=at)
    assert outbox.send(message, at) == "void"
    assert calls().count() == 1


def test_a_mail_that_came_back_is_told_by_phone(active, sink):
    at = days_overdue(active, 1)
    [message] = plan_at(active, at).messages
    outbox.send(message, at)
    MessageReport.objects.create(
        message_id=message, kind="bounced", permanent=True, at=at, heard_at=at, source="mailbox", key="1"
    )
    plan_at(active, at + timedelta(minutes=5))
    assert told() == [("overdue", "patient", "void", "bounced")]
    assert told("phone") == [("overdue", "patient", "planned", "")]


def test_who_wants_no_mail_is_phoned_only_where_a_device_waits():
    rental = overdue(days=7)
    Patient.objects.filter(pk=rental.patient_id).update(email_reminders=False)
    plan_at(rental, days_overdue(rental, 1))
    assert sorted(told()) == [
        ("first_days", "patient", "void", "opted_out"),
        ("overdue", "patient", "void", "opted_out"),
    ]
    assert told("phone") == [("overdue", "patient", "planned", "")]


def test_who_wants_no_advice_is_told_only_of_the_hire():
    rental = overdue(days=7)
    Patient.objects.filter(pk=rental.patient_id).update(wants_advice=False)
    plan_at(rental, days_overdue(rental, 1))
    assert sorted(told()) == [("first_days", "patient", "void", "no_advice"), ("overdue", "patient", "queued", "")]
    assert told("phone") == []


@pytest.mark.parametrize("state", ["withdrawn", "deceased"])
def test_withdrawal_and_death_end_open_calls_too(active, state):
    Patient.objects.filter(pk=active.patient_id).update(email="")
    at = days_overdue(active, 1)
    plan_at(active, at)
    Patient.objects.filter(pk=active.patient_id).update(state=state)
    night = at + timedelta(hours=14)
    plan_at(active, night)
    assert told("phone") == [("overdue", "patient", "void", state)]
    assert calls().count() == 0
    assert StaffTask.objects.filter(kind="phone", done_at=night, done_by=None).count() == 1


def test_a_call_gives_way_to_the_next_of_its_series_and_ends_with_the_return(active):
    Patient.objects.filter(pk=active.patient_id).update(email="")
    for days in (1, 3):
        plan_at(active, days_overdue(active, days))
    assert [(state, why) for *_, state, why in told("phone")] == [("void", "superseded"), ("planned", "")]
    make.take_back(active, at=days_overdue(active, 4))
    plan_at(active, days_overdue(active, 4))
    assert calls().count() == 0


@pytest.mark.parametrize("why", ["withdrawn", "returned"])
def test_a_call_whose_task_was_closed_otherwise_is_void_and_no_longer_planned(active, why):
    Patient.objects.filter(pk=active.patient_id).update(email="")
    at = days_overdue(active, 1)
    plan_at(active, at)
    if why == "withdrawn":
        silence(active.patient, state=Patient.State.WITHDRAWN, reason="Phoned", at=at, actor=make.manager())
    else:
        make.take_back(active, at=at)
    assert calls().count() == 0
    plan_at(active, at + timedelta(minutes=5))
    assert told("phone") == [("overdue", "patient", "void", why)]


def test_a_call_that_nobody_will_make_is_void_though_it_could_still_be_said(active):
    Patient.objects.filter(pk=active.patient_id).update(email="")
    at = days_overdue(active, 1)
    plan_at(active, at)
    settle_tasks(active, [StaffTask.Kind.PHONE], "Not needed.", at)
    plan_at(active, at + timedelta(minutes=5))
    assert told("phone") == [("overdue", "patient", "void", "superseded")]


def test_a_call_that_staff_make_while_it_is_given_up_stays_told(active):
    Patient.objects.filter(pk=active.patient_id).update(email="")
    at = days_overdue(active, 1)
    plan_at(active, at)
    [call] = open_calls(active.clinic)
    do_task(call.staff_task, note="Comes tomorrow", at=at, actor=make.reception())
    give_up([(call, Reminder.Why.RETURNED)], at)
    assert told("phone") == [("overdue", "patient", "sent", "")]


def test_the_last_two_reminders_of_a_device_overdue_are_for_staff_too(active):
    asked = []
    for days in (1, 3, 7, 8, 14):
        plan_at(active, days_overdue(active, days))
        asked.append(StaffTask.objects.filter(kind="chase").count())
    assert asked == [0, 0, 1, 1, 2]
    make.take_back(active, at=days_overdue(active, 15))
    plan_at(active, days_overdue(active, 15))
    assert StaffTask.objects.filter(kind="chase").open().count() == 0


def test_staff_are_not_asked_to_get_in_touch_beside_a_call_about_the_same(active):
    Patient.objects.filter(pk=active.patient_id).update(email="")
    contact(active, "beside")
    for days in (7, 14):
        plan_at(active, days_overdue(active, days))
        assert [task.kind for task in StaffTask.objects.open()] == ["phone"]
    assert not StaffTask.objects.filter(kind="chase").exists()


def test_what_staff_chase_becomes_a_call_when_the_mail_comes_back(active, sink):
    at = days_overdue(active, 7)
    [message] = plan_at(active, at).messages
    outbox.send(message, at)
    assert [task.kind for task in StaffTask.objects.open()] == ["chase"]
    MessageReport.objects.create(
        message_id=message, kind="bounced", permanent=True, at=at, heard_at=at, source="mailbox", key="1"
    )
    plan_at(active, at + timedelta(minutes=5))
    assert [task.kind for task in StaffTask.objects.open()] == ["phone"]


def test_a_kind_that_the_site_has_switched_off_is_not_told(active):
    at = days_overdue(active, 1)
    [message] = plan_at(active, at).messages
    switch_off(active.clinic, "overdue")
    assert outbox.send(message, at) == "void"
    assert told() == [("overdue", "patient", "void", "switched_off")]
    plan_at(active, days_overdue(active, 3))
    assert len(told()) == 1


def test_what_is_due_later_the_same_day_goes_into_the_morning_s_message(active):
    later = make.rental(State.ACTIVE, active.clinic, patient=active.patient, due_on=active.due_on + timedelta(days=1))
    ReminderRule.objects.create(clinic=active.clinic, kind="due_today", days=[0], at="15:00")
    plan_at(active, days_overdue(active, 1))
    [message] = Message.objects.all()
    assert {(row.rental, row.kind) for row in message.reminders.all()} == {(active, "overdue"), (later, "due_today")}


def test_what_is_told_later_in_the_day_waits_for_its_hour_where_nothing_else_is_due(active):
    ReminderRule.objects.create(clinic=active.clinic, kind="overdue", days=[1], at="15:00")
    assert plan_at(active, days_overdue(active, 1)).messages == []
    assert len(plan_at(active, days_overdue(active, 1) + timedelta(hours=6)).messages) == 1
