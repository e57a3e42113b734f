"""Hand-over, return and inspection at the desk, step by step: interrupted, resumed, with photos."""

import json
from datetime import timedelta
from io import BytesIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import Image

from patients.models import Access
from rentals.checklists import Kind, checklist_of
from rentals.models import Checklist, Photo
from rentals.models.states import State
from tests import make
from tests.rentals.desk.desk import Desk
from tests.shared import shared

pytestmark = pytest.mark.django_db

HTMX = {"HX-Request": "true"}
ALL_CHECKS = ["cleaned", "output", "cable", "clock", "single_patient_parts"]


def home(rental) -> str:
    return f"/rentals/{rental.reference}/"


@shared
def ready():
    """A reservation that is signed and paid for, its device's screen at 40."""
    return make.prepare(make.rental(device=make.device(counter=40)))


def picture(name: str = "side.jpg", colour: str = "teal") -> SimpleUploadedFile:
    file = BytesIO()
    Image.new("RGB", (90, 60), colour).save(file, "PNG")
    return SimpleUploadedFile(name, file.getvalue())


def part(desk: Desk, address: str, **entries) -> str:
    """What htmx gets for what stands in the form."""
    entries = {"step": "keep", **entries}
    answer = desk.client.post(address, entries, headers=HTMX)
    assert answer.status_code == 200
    return answer.content.decode()


class TestInterrupted:
    def test_what_was_filled_in_is_there_for_whoever_goes_on(self, ready, clock):
        address = f"{home(ready)}hand-over/"
        desk, other = Desk(make.reception(ready.clinic)), Desk(make.reception(ready.clinic))
        assert desk.fill_in(address, counter=40, parts=["main_unit", "charger"], tracking="AU1", step="save") == 302
        assert desk.led_to == f"{address}#kept"
        other.see(home(ready))
        begun = "Hand-over begun Mon 2 Mar 2026, 12:00 pm by"
        assert begun in other.page
        assert f'<a href="{address}">go on</a>' in other.page
        clock.shift(timedelta(minutes=12))
        other.see(address)
        proposed = other.proposed()
        assert (proposed["counter"], proposed["parts"]) == ("40", ["main_unit", "charger"])
        assert other.fill_in(address, shown_use="on") == 302
        ready.refresh_from_db()
        holding = ready.holdings.get()
        assert (ready.state, holding.counter_out, holding.tracking) == (State.ACTIVE, 40, "AU1")
        assert holding.parts_out == ["main_unit", "charger"]
        done = ready.checklists.get()
        assert (done.answers["shown_use"], done.changed_by.role) == ("on", "reception")
        other.see(home(ready))
        assert "begun" not in other.page

    def test_a_form_that_comes_back_with_a_complaint_is_kept_all_the_same(self, ready):
        desk = Desk(make.reception(ready.clinic))
        assert desk.fill_in(f"{home(ready)}hand-over/", counter="forty", parts=["main_unit"]) == 422
        desk.see(f"{home(ready)}hand-over/")
        assert desk.proposed()["counter"] == "forty"

    def test_a_single_complete_form_needs_no_steps(self, ready):
        desk = Desk(make.reception(ready.clinic))
        assert desk.send(f"{home(ready)}hand-over/", counter=40, parts=["main_unit"], delivery="desk") == 302
        ready.refresh_from_db()
        assert ready.state == State.ACTIVE

    def test_two_finish_and_the_second_is_told_what_happened(self, ready):
        one, two = Desk(make.reception(ready.clinic)), Desk(make.reception(ready.clinic))
        for desk in (one, two):
            desk.see(f"{home(ready)}hand-over/")
        form = {"counter": 40, "parts": ["main_unit"], "delivery": "desk"}
        assert one.send(f"{home(ready)}hand-over/", **form) == 302
        assert two.send(f"{home(ready)}hand-over/", **form) == 409
        assert "take the device back first" in two.problems()["__all__"][0]
        assert ready.checklists.count() == 1

    def test_each_site_sees_only_its_own(self, ready):
        stranger = Desk(make.manager(make.clinic()))
        assert stranger.send(f"{home(ready)}hand-over/", step="save", counter=1) == 404
        assert not Checklist.objects.exists()

    def test_who_may_only_read_begins_nothing(self, ready):
        auditor = Desk(make.auditor(ready.clinic))
        assert auditor.send(f"{home(ready)}hand-over/", step="save", counter=1) == 403
        make.photo(ready, "hand_over")
        auditor.see(home(ready))
        assert "go on</a>" not in auditor.page

    def test_what_was_kept_is_recorded_as_a_change_of_the_patient(self, ready):
        user = make.reception(ready.clinic)
        Desk(user).send(f"{home(ready)}hand-over/", step="save", counter=1)
        assert list(Access.objects.filter(user=user).values_list("patient", "action")) == [
            (ready.patient_id, "changed")
        ]


class TestKeptOnTheWay:
    def test_a_change_is_kept_and_the_steps_say_what_is_done(self, ready):
        desk = Desk(make.reception(ready.clinic))
        page = part(desk, f"{home(ready)}hand-over/", counter=40, delivery="desk")
        assert "Kept." in page
        assert '<a href="#reading">Device and screen</a><span class="visually-hidden"> (done)</span>' in page
        assert '<a href="#parts">Parts</a><span class="visually-hidden"> (to do)</span>' in page
        assert "<html" not in page
        assert checklist_of(Kind.HAND_OVER, ready).answers["counter"] == "40"

    @pytest.mark.parametrize(
        ("counter", "said"),
        [(39, "This counter is lower than before: the screen showed 40 on"), (9000, "higher than the time allows")],
    )
    def test_a_counter_that_can_hardly_be_is_said_at_once_with_and_without_javascript(self, ready, counter, said):
        desk = Desk(make.reception(ready.clinic))
        address = f"{home(ready)}hand-over/"
        assert said in part(desk, address, counter=counter)
        desk.fill_in(address, counter=counter, step="save")
        desk.see(desk.led_to.partition("#")[0])
        assert said in desk.page
        assert "This counter" not in part(desk, address, counter=41)
        assert "This counter" not in part(desk, address, counter="")

    def test_what_somebody_else_wrote_meanwhile_is_said_and_stays(self, ready):
        one, two = Desk(make.reception(ready.clinic)), Desk(make.reception(ready.clinic))
        address = f"{home(ready)}hand-over/"
        shown = json.dumps({"counter": "", "tracking": ""})
        part(one, address, counter=40, tracking="", as_shown=shown)
        page = part(two, address, counter="", tracking="AU1", as_shown=shown)
        assert "Somebody else wrote something else for: Counter on the screen." in page
        answers = checklist_of(Kind.HAND_OVER, ready).answers
        assert (answers["counter"], answers["tracking"]) == ("40", "AU1")

    @pytest.mark.parametrize("shown", ["", "{", "[]", "7"])
    def test_a_form_that_does_not_say_what_it_showed_counts_as_changed(self, ready, shown):
        part(Desk(make.reception(ready.clinic)), f"{home(ready)}hand-over/", counter=40, as_shown=shown)
        assert checklist_of(Kind.HAND_OVER, ready).answers["counter"] == "40"

    def test_what_cannot_be_kept_says_why(self, active):
        page = part(Desk(make.reception(active.clinic)), f"{home(active)}hand-over/", counter=40)
        assert "Not kept: " in page
        assert "take the device back first" in page


class TestReturn:
    def test_what_is_missing_is_named_and_its_fee_proposed_to_be_changed_at_the_inspection(self, active, clock):
        clock.shift(timedelta(hours=1))
        desk, address = Desk(make.reception(active.clinic)), f"{home(active)}return/"
        desk.see(address)
        assert "Given out: main unit, transducer, charger." in desk.page
        assert "Missing:" not in desk.page
        assert "Missing: charger ($85.00 is proposed)" in part(desk, address, parts=["main_unit", "transducer"])
        assert desk.fill_in(address, counter=3, parts=["main_unit", "transducer"], then="sign") == 302
        assert desk.led_to == f"{home(active)}sign-return/"
        desk.see(f"{home(active)}inspect/")
        assert (desk.proposed()["fee_1"], str(desk.proposed()["amount_1"])) == ("Missing charger", "85.00")
        entries = {"checks": ALL_CHECKS, "passed": "yes", "amount_1": "60"}
        assert desk.fill_in(f"{home(active)}inspect/", **entries) == 302
        fee = active.ledger.get(kind="fee")
        assert (str(fee.amount), fee.note) == ("60.00", "Missing charger")

    def test_an_inspection_goes_on_where_it_was_left(self, returned):
        desk, address = Desk(make.reception(returned.clinic)), f"{home(returned)}inspect/"
        assert desk.fill_in(address, checks=["cleaned", "cable"], fee_1="Strap", amount_1="15", step="save") == 302
        desk.see(address)
        proposed = desk.proposed()
        assert (proposed["checks"], proposed["fee_1"], proposed["amount_1"]) == (["cleaned", "cable"], "Strap", "15")

    def test_what_is_only_settled_has_no_checklist(self, lost):
        desk, address = Desk(make.reception(lost.clinic)), f"{home(lost)}inspect/"
        desk.see(address)
        assert "Save so far" not in desk.page
        desk.send(address, step="save", fee_1="x")
        assert not lost.checklists.exists()

    def test_a_device_by_itself_is_inspected_step_by_step_too(self):
        device = make.device(condition="quarantine")
        desk, address = Desk(make.reception(device.clinic)), f"/devices/{device.pk}/inspect/"
        assert desk.fill_in(address, checks=["cleaned"], photos=picture(), step="photos") == 302
        assert desk.led_to == f"{address}#photos"
        desk.see(address)
        assert desk.proposed()["checks"] == ["cleaned"]
        photo = Photo.objects.get()
        assert f"/photos/{photo.key}/small/" in desk.page
        assert desk.see(f"/photos/{photo.key}/") == 200
        assert Desk(make.manager(make.clinic())).see(f"/photos/{photo.key}/") == 404
        assert desk.fill_in(address, checks=ALL_CHECKS, passed="yes") == 302
        assert device.checklists.get().finished_at == make.NOW


class TestPhotos:
    def test_a_photo_is_added_and_taken_out_again(self, ready):
        desk, address = Desk(make.reception(ready.clinic)), f"{home(ready)}hand-over/"
        assert desk.fill_in(address, photos=[picture(), picture(colour="red")], step="photos", counter=40) == 302
        desk.see(address)
        first, second = Photo.objects.all()
        assert "Photo at the hand-over, 2 March 2026, 12:00, number 1" in desk.page
        assert desk.fill_in(address, remove=first.key) == 302
        assert list(Photo.objects.all()) == [second]
        assert checklist_of(Kind.HAND_OVER, ready).answers["counter"] == "40"

    def test_what_is_no_photo_is_named_and_nothing_else_is_lost(self, ready):
        desk, address = Desk(make.reception(ready.clinic)), f"{home(ready)}hand-over/"
        page = SimpleUploadedFile("evil.jpg", b"<svg><script>alert(1)</script></svg>", "image/jpeg")
        assert desk.fill_in(address, photos=[picture(), page], step="photos", counter=40) == 422
        assert "evil.jpg: This file cannot be read as a photo" in desk.page
        assert Photo.objects.count() == 1
        assert desk.proposed()["counter"] == "40"
        assert "evil.jpg: This file cannot be read" in part(desk, address, step="photos", photos=page)

    def test_photos_sent_with_the_last_step_are_kept_with_it(self, ready):
        desk, address = Desk(make.reception(ready.clinic)), f"{home(ready)}hand-over/"
        form = {"counter": 40, "parts": ["main_unit"]}
        wrong = SimpleUploadedFile("side.heic", b"\x00\x00\x00\x18ftypheic" + b"\x00" * 40)
        assert desk.fill_in(address, **form, photos=[wrong, picture()]) == 400
        assert "side.heic: This file is in the format HEIC" in desk.page
        ready.refresh_from_db()
        assert (ready.state, Photo.objects.count()) == (State.RESERVED, 1)
        assert desk.fill_in(address, **form, photos=[picture(), picture(colour="red")]) == 302
        ready.refresh_from_db()
        assert (ready.state, ready.checklists.get().photos.count()) == (State.ACTIVE, 2)

    def test_more_than_there_is_room_for_are_left_out_and_said(self, ready):
        desk, address = Desk(make.reception(ready.clinic)), f"{home(ready)}hand-over/"
        many = [picture(colour=f"#{number:02x}8080") for number in range(0, 130, 10)]
        assert desk.fill_in(address, photos=many, step="photos") == 422
        assert "1 left out: send 12 photos at a time." in desk.page
        assert desk.send(address, photos=[picture(colour="black")], step="photos") == 422
        assert "1 left out: 12 photos are the most; remove one first." in desk.page
        assert Photo.objects.count() == 12

    def test_only_staff_of_the_site_see_one_and_each_look_is_recorded(self, active):
        photo = make.photo(active)
        user = make.reception(active.clinic)
        desk, address = Desk(user), f"/photos/{photo.key}/"
        assert desk.see(address) == 200
        headers = desk.answer.headers
        assert (headers["Content-Type"], headers["X-Content-Type-Options"]) == ("image/jpeg", "nosniff")
        assert {"private", "no-store"} <= set(headers["Cache-Control"].replace(" ", "").split(","))
        assert Image.open(BytesIO(desk.answer.content)).format == "JPEG"
        assert Access.objects.filter(user=user, patient=active.patient, action="read").count() == 1
        for where in (address, f"{address}small/"):
            assert Desk(make.manager(make.clinic())).see(where) == 404
        assert desk.see(f"/photos/{photo.key[:-1]}/") == 404

    def test_a_page_with_small_ones_is_one_look(self, active, clock):
        photos = [make.photo(active, at=make.NOW) for _ in range(3)]
        user = make.reception(active.clinic)
        desk = Desk(user)
        desk.see(home(active))
        for photo in photos:
            assert f'<img src="/photos/{photo.key}/small/"' in desk.page
        for photo in photos:
            desk.client.get(f"/photos/{photo.key}/small/")
        looks = Access.objects.filter(user=user, patient=active.patient)
        assert looks.count() == 1
        clock.shift(timedelta(minutes=11))
        desk.see(f"/photos/{photos[0].key}/small/")
        assert looks.count() == 2

    def test_a_rental_shows_those_of_both_ends_lazily_in_the_same_number_of_queries(
        self, active, django_assert_max_num_queries
    ):
        desk = Desk(make.reception(active.clinic))
        make.photo(active)
        with django_assert_max_num_queries(200) as few:
            desk.see(home(active))
        for _ in range(2):
            make.photo(active)
        with django_assert_max_num_queries(len(few.captured_queries)):
            desk.see(home(active))
        assert desk.page.count('loading="lazy"') == 3
        assert "Photo at the return, 2 March 2026, 12:00, number 3" in desk.page
