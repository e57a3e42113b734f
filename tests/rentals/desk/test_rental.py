"""The list of rentals, the page of one, and what its patient was told."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from patients.models import Access
from rentals import ledger
from rentals.models import Message
from rentals.models.states import State
from rentals.reminders import outbox
from rentals.reminders.plan import plan_reminders
from tests import make
from tests.rentals.desk.desk import Desk
from tests.rentals.reminders.moments import before_start

pytestmark = pytest.mark.django_db


def references(desk: Desk) -> list[str]:
    return [row.record.reference for row in desk.answer.context["table"].rows]


def test_the_list_is_of_the_chosen_site_newest_first_and_records_who_was_shown():
    site = make.clinic()
    first, second = make.rental(State.ACTIVE, site), make.rental(State.CLOSED, site, at=make.NOW + timedelta(hours=1))
    make.rental(State.ACTIVE)
    user = make.reception(site)
    desk = Desk(user)
    assert desk.see("/rentals/") == 200
    assert references(desk) == [second.reference, first.reference]
    shown = Access.objects.filter(user=user, action="listed").values_list("patient", flat=True)
    assert set(shown) == {first.patient_id, second.patient_id}


def test_the_list_is_narrowed_down_and_sorted():
    now = make.NOW
    site = make.clinic(at=now)
    late = make.rental(State.ACTIVE, site, at=now - timedelta(days=40))
    booked = make.rental(State.RESERVED, site, at=now)
    desk = Desk(make.reception(site))

    def found(**query) -> list[str]:
        assert desk.see("/rentals/", **query) == 200
        return references(desk)

    assert found(state="active") == found(trouble="overdue") == [late.reference]
    closed = make.rental(State.CLOSED, site)
    assert found(trouble="money") == [closed.reference]
    ledger.pay(closed, kind="refund", amount=Decimal(180), method="cash", at=make.NOW, actor=make.manager())
    assert found(trouble="money") == []
    assert found(search=booked.reference[2:6]) == [booked.reference]
    assert found(search=late.holdings.get().device.serial) == [late.reference]
    assert found(sort="starts_on")[0] == late.reference
    assert found(sort="-starts_on")[-1] == late.reference


@pytest.mark.parametrize("number", [1, 3])
def test_the_list_makes_the_same_number_of_queries(number, django_assert_num_queries):
    site = make.clinic()
    for _ in range(number):
        make.rental(State.ACTIVE, site)
    desk = Desk(make.reception(site))
    with django_assert_num_queries(9):
        desk.see("/rentals/")
    assert len(references(desk)) == number


def test_the_page_shows_everything_about_a_rental_and_is_recorded_as_a_read(returned):
    user = make.auditor(returned.clinic)
    desk = Desk(user)
    assert desk.see(f"/rentals/{returned.reference}/") == 200
    device = returned.holdings.get().device
    for shown in (
        returned.patient.name,
        device.serial,
        "28 treatments, 1 a day",
        "Stress fatigue, metatarsal",
        "$300.00 held",
    ):
        assert shown in desk.page
    assert list(Access.objects.filter(user=user).values_list("patient", "action")) == [(returned.patient_id, "read")]


@pytest.mark.parametrize("number", [1, 3])
def test_the_page_makes_the_same_number_of_queries_for_a_longer_history(number, django_assert_num_queries, active):
    user = make.manager(active.clinic)
    desk = Desk(user)
    for _ in range(number):
        desk.fill_in(f"/rentals/{active.reference}/pay/", kind="hire", amount="10.00")
    desk.see("/")  # what the payment said has been shown
    with django_assert_num_queries(41):
        desk.see(f"/rentals/{active.reference}/")
    assert active.ledger.filter(kind="hire_payment").count() == number


def test_what_the_patient_was_told_can_be_read_word_for_word(settings, tmp_path):
    settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    settings.EMAIL_FILE_PATH = tmp_path
    rental = make.rental(State.RESERVED, starts_on=make.NOW.date() + timedelta(days=8))
    at = before_start(rental)
    plan_reminders(at)
    outbox.send_due(at)
    message = Message.objects.get(patient=rental.patient)
    user = make.reception(rental.clinic)
    desk = Desk(user)
    desk.see(f"/rentals/{rental.reference}/")
    assert f'href="/messages/{message.pk}/"' in desk.page
    assert '<span class="tag good">sent</span>' in desk.page
    assert desk.see(f"/messages/{message.pk}/") == 200
    assert f"Dear {rental.patient.given_name}," in desk.page
    assert message.text.splitlines()[2] in desk.page
    assert Access.objects.filter(user=user, action="read").count() == 2


def test_a_reminder_that_was_not_sent_says_why():
    rental = make.rental(
        State.RESERVED, patient=make.patient(clinic := make.clinic(), email=""), device=make.device(clinic)
    )
    plan_reminders(before_start(rental) + timedelta(days=1))
    desk = Desk(make.reception(rental.clinic))
    desk.see(f"/rentals/{rental.reference}/")
    assert "There is no usable e-mail address" in desk.page
    assert '<span class="tag ">not sent</span>' in desk.page


def test_a_filter_that_means_nothing_is_said_and_finds_nothing(active):
    desk = Desk(make.reception(active.clinic))
    assert desk.see("/rentals/", state="nonsense") == 422
    assert references(desk) == []
    assert desk.see("/rentals/", per_page="0", page="x", sort="nothing") == 200
    assert references(desk) == [active.reference]


def test_days_late_are_counted_by_the_clock_of_the_rentals_own_site(clock):
    perth = make.clinic("B Perth", time_zone="Australia/Perth")
    make.clinic("A Sydney")
    rental = make.rental(State.ACTIVE, perth, at=make.NOW - timedelta(days=28), days=26)
    clock.move_to(datetime(2026, 3, 2, 14, 30, tzinfo=UTC))  # Monday evening in Perth, Tuesday in Sydney
    desk = Desk(make.reception())
    desk.see(f"/rentals/{rental.reference}/")
    assert "Today at A Sydney" not in desk.page
    assert '<span class="tag alarm">2 days late</span>' in desk.page


def test_a_reference_that_cannot_be_is_not_found():
    desk = Desk(make.reception(make.clinic()))
    assert [desk.see(f"/rentals/{wrong}/") for wrong in ("%00", "%20", "a" * 300)] == [404, 404, 404]
