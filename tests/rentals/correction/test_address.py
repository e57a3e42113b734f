"""An e-mail address was wrong and is put right: what was stopped is mailed, and staff are asked no more (I8)."""

from datetime import timedelta

import pytest

from patients.models import SuppressedAddress
from rentals.correction import correct_contact, correct_details
from rentals.correction.address import lift
from rentals.ledger import pay
from rentals.models import Message, Reminder, StaffTask
from rentals.payers import set_payer
from rentals.reminders import outbox, plan
from rentals.staff_tasks import do_task
from tests import make
from tests.rentals.reminders.conftest import sink
from tests.rentals.reminders.moments import before_due, overdue

__all__ = ["sink"]

pytestmark = pytest.mark.django_db
HOUR = timedelta(hours=1)
NEW = "ada.right@patients.example"


def correct(rental, at, email=NEW):
    patient = type(rental.patient).objects.get(pk=rental.patient_id)
    columns = ("given_name", "family_name", "date_of_birth", "phone", "email_reminders")
    details = {name: getattr(patient, name) for name in columns}
    return correct_details(patient, **details, email=email, at=at, actor=make.reception())


def pass_of(at):
    plan.plan_reminders(at)
    outbox.send_due(at)


@pytest.fixture
def refused(sink):
    """A rental due in three days, whose mail has gone to an address that there is not; and that moment."""
    rental = overdue()
    at = before_due(rental, 3)
    sink.mode = "550 at RCPT"
    pass_of(at)
    plan.plan_reminders(at)
    sink.mode = "accept"
    assert sorted(StaffTask.objects.open().values_list("kind", flat=True)) == ["address", "phone"]
    return rental, at


def open_tasks():
    return sorted(StaffTask.objects.open().values_list("kind", flat=True))


def test_what_was_stopped_is_mailed_once_and_nobody_is_asked_any_more(refused, sink):
    rental, at = refused
    correct(rental, at + HOUR)
    task = StaffTask.objects.get(kind="address")
    assert (task.done_at, task.done_by, task.note) == (at + HOUR, None, "The e-mail address was corrected.")
    for hours in (1, 2):
        pass_of(at + hours * HOUR)
        plan.plan_reminders(at + hours * HOUR)
        assert [mail["To"] for mail in sink.mails] == [NEW]
    assert open_tasks() == []
    failed = Message.objects.order_by("pk").first()
    assert (failed.state, failed.decision) == ("failed", "resent")


def test_an_address_that_is_right_after_all_is_mailed_what_was_stopped_and_asked_for_no_more(refused, sink):
    rental, at = refused
    lift(SuppressedAddress.objects.get(), at=at + HOUR, actor=make.reception(rental.clinic))
    task = StaffTask.objects.get(kind="address")
    assert (task.done_at, task.done_by, task.note) == (at + HOUR, None, "Mail goes to the address again.")
    for hours in (1, 2):
        pass_of(at + hours * HOUR)
        plan.plan_reminders(at + hours * HOUR)
        assert [mail["To"] for mail in sink.mails] == [rental.patient.email]
    assert open_tasks() == []


def test_what_was_told_by_phone_is_not_mailed_too(refused, sink):
    rental, at = refused
    do_task(StaffTask.objects.get(kind="phone"), note="Told", at=at, actor=make.reception(rental.clinic))
    correct(rental, at + HOUR)
    pass_of(at + HOUR)
    assert sink.mails == []
    assert open_tasks() == []


def test_what_is_over_by_then_is_not_mailed(refused, sink):
    rental, at = refused
    make.take_back(rental, at=at)
    correct(rental, at + HOUR)
    pass_of(at + HOUR)
    assert not Reminder.objects.filter(kind="due_soon", void=False).exists()
    assert {mail["To"] for mail in sink.mails} <= {NEW}


@pytest.mark.parametrize("email", ["", "the same"])
def test_an_address_that_takes_no_mail_changes_nothing(refused, sink, email):
    rental, at = refused
    correct(rental, at + HOUR, email and rental.patient.email.upper())
    pass_of(at + HOUR)
    assert sink.mails == []
    assert open_tasks() == ["address", "phone"]


def test_an_address_where_there_was_none_is_told_what_nobody_has_phoned(sink):
    clinic = make.clinic()
    rental = overdue(clinic, patient=make.patient(clinic, email=""))
    at = before_due(rental, 3)
    pass_of(at)
    assert open_tasks() == ["phone"]
    correct(rental, at + HOUR)
    pass_of(at + HOUR)
    plan.plan_reminders(at + HOUR)
    assert [mail["To"] for mail in sink.mails] == [NEW]
    assert open_tasks() == []


def test_a_contact_person_with_another_address_is_mailed(sink):
    rental = overdue()
    who = {"name": "Grace Example", "receives": "instead", "actor": make.reception()}
    correct_contact(rental.patient, email="grace@wrong.example", at=make.NOW, **who)
    at = before_due(rental, 3)
    sink.mode = "550 at RCPT"
    pass_of(at)
    plan.plan_reminders(at)
    assert open_tasks() == ["address", "phone"]
    sink.mode = "accept"
    correct_contact(rental.patient, email="grace@right.example", at=at + HOUR, **who)
    pass_of(at + HOUR)
    plan.plan_reminders(at + HOUR)
    assert [mail["To"] for mail in sink.mails] == ["grace@right.example"]
    assert open_tasks() == []


def insured(sink, mode):
    """A rental whose payer's receipt, made in the insurer's name, did not arrive, for the mail server was in `mode`."""
    rental, actor = make.rental("active"), make.reception()
    set_payer(rental, name="Insurer", email="claims@wrong.example", at=make.NOW, actor=actor)
    pay(rental, kind="hire", amount=60, method="card", at=make.NOW, actor=actor)
    sink.mode = mode
    pass_of(make.NOW + HOUR)
    plan.plan_reminders(make.NOW + HOUR)
    sink.mode = "accept"
    return rental


def test_a_payer_with_another_address_gets_the_receipt(sink):
    rental, later = insured(sink, "550 at RCPT"), make.NOW + 2 * HOUR
    set_payer(rental, name="Insurer", email="claims@right.example", at=later, actor=make.reception())
    pass_of(later)
    assert "claims@right.example" in [mail["To"] for mail in sink.mails]
    assert "address" not in open_tasks()


def receipts_to_mail():
    return Reminder.objects.filter(kind="receipt", void=False)


@pytest.mark.parametrize(("days", "to_mail"), [(6, 2), (8, 0), (400, 0)])
def test_a_receipt_is_mailed_to_the_right_address_only_while_it_is_news(days, to_mail, sink):
    clinic = make.clinic()
    rental = make.rental("active", clinic, patient=make.patient(clinic, email=""))
    pay(rental, kind="hire", amount=60, method="card", at=make.NOW, actor=make.reception())
    pass_of(make.NOW + HOUR)
    assert list(Reminder.objects.filter(kind="receipt").values_list("why", flat=True)) == ["no_email"] * 2
    correct(rental, make.NOW + days * 24 * HOUR)
    assert receipts_to_mail().count() == to_mail


def test_another_telephone_number_mails_nothing_that_was_stopped_once(refused):
    rental, at = refused
    SuppressedAddress.objects.update(lifted_at=at, lifted_by=make.manager())
    type(rental.patient).objects.update(phone="0491 570 157")
    correct(rental, at + HOUR, rental.patient.email)
    who = {"name": "Grace Example", "receives": "beside", "at": at + HOUR, "actor": make.reception()}
    correct_contact(rental.patient, email="", phone="0491 570 158", **who)
    assert not Reminder.objects.filter(kind="due_soon", channel="email", void=False).exists()
    assert "address" in open_tasks()


def test_another_payer_gets_no_receipt_of_what_somebody_else_has_paid(sink):
    rental, later = insured(sink, "550 at RCPT"), make.NOW + 2 * HOUR
    set_payer(rental, name="Mother", email="mother@patients.example", at=later, actor=make.reception())
    pass_of(later)
    assert "address" in open_tasks()
    correct(rental, later)
    lift(SuppressedAddress.objects.get(address="claims@wrong.example"), at=later, actor=make.manager())
    pass_of(later)
    assert "mother@patients.example" not in [mail["To"] for mail in sink.mails]


def test_a_receipt_that_still_waits_is_not_mailed_to_whom_it_does_not_name(sink):
    rental, later = insured(sink, "451 at DATA"), make.NOW + 2 * HOUR
    set_payer(rental, name="Mother", email="mother@patients.example", at=later, actor=make.reception())
    pass_of(later)
    pass_of(later + HOUR)
    assert "mother@patients.example" not in [mail["To"] for mail in sink.mails]
    assert "another_payer" in Message.objects.get(recipient="payer", state="failed").why
