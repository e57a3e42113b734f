"""Checklists: kept at every step, gone on with by anybody, finished with the verb, overtaken by other ways."""

from datetime import timedelta
from decimal import Decimal

import pytest

from config.refusals import Refusal
from devices.models import Device
from patients.models import Access
from rentals import checklists, custody
from rentals.booking import change
from rentals.checklists import MOST_PHOTOS, Kind, checklist_of, keep, open_checklists, remove_photo
from rentals.missing_parts import missing_parts
from rentals.models import Checklist, Photo
from rentals.models.states import State
from rentals.photos import SmallPhoto
from tests import make

pytestmark = pytest.mark.django_db

MINUTE = timedelta(minutes=1)
LATER = make.NOW + 10 * MINUTE


def shot(number: int) -> SmallPhoto:
    return SmallPhoto(b"photo %d" % number, 4, 3)


def begin(rental, kind=Kind.HAND_OVER, *, at=make.NOW, actor=None, shown=None, photos=(), **answers):
    actor = actor or make.reception()
    return keep(kind, rental, answers=answers, shown=shown or {}, photos=photos, at=at, actor=actor).checklist


class TestKeeping:
    def test_what_was_answered_is_there_for_the_next_one_at_the_desk(self, reserved):
        anna, ben = make.reception(), make.reception()
        assert checklist_of(Kind.HAND_OVER, reserved) is None
        begin(reserved, actor=anna, counter="40", parts=["main_unit"])
        begin(reserved, actor=ben, at=LATER, shown={"counter": "40", "parts": ["main_unit"]}, tracking="AU1")
        found = checklist_of(Kind.HAND_OVER, reserved)
        assert found.answers == {"counter": "40", "parts": ["main_unit"], "tracking": "AU1"}
        assert (found.started_by, found.started_at) == (anna, make.NOW)
        assert (found.changed_by, found.changed_at) == (ben, LATER)
        assert Access.objects.filter(patient=reserved.patient, action="changed", user=ben).count() == 1

    def test_of_two_at_one_checklist_the_last_one_wins_field_by_field(self, reserved):
        """Each sends the whole form; only what they changed themselves counts."""
        shown = {"counter": "", "tracking": ""}
        begin(reserved, counter="40", tracking="", shown=shown)
        begin(reserved, counter="", tracking="AU1", shown=shown)
        assert checklist_of(Kind.HAND_OVER, reserved).answers == {"counter": "40", "tracking": "AU1"}
        begin(reserved, counter="41", tracking="", shown=shown)
        assert checklist_of(Kind.HAND_OVER, reserved).answers == {"counter": "41", "tracking": "AU1"}
        begin(reserved, counter="", tracking="AU1", shown={"counter": "41", "tracking": "AU1"})
        assert checklist_of(Kind.HAND_OVER, reserved).answers["counter"] == ""

    def test_nothing_is_begun_for_what_has_moved_on(self, active):
        with pytest.raises(Refusal, match="take the device back first"):
            begin(active)
        device = active.holdings.get().device
        with pytest.raises(Refusal, match="only a device in quarantine or repair is inspected"):
            begin(device, Kind.INSPECTION)
        assert not Checklist.objects.exists()

    def test_what_no_field_takes_is_refused_and_what_the_database_cannot_hold_is_left_out(self, reserved):
        with pytest.raises(Refusal, match="10,000 characters"):
            begin(reserved, notes="x" * 10_001)
        assert begin(reserved, notes="a\0b", parts=["\0"]).answers == {"notes": "ab", "parts": [""]}

    def test_what_was_read_off_one_device_is_not_taken_for_another(self, reserved):
        first = reserved.holdings.get().device
        begin(reserved, counter="40", device=str(first.pk))
        other = make.device(reserved.clinic)
        change.change_device(reserved, device=other, at=make.NOW, actor=make.manager())
        assert checklist_of(Kind.HAND_OVER, reserved) is None
        with pytest.raises(Refusal, match="was given another device"):
            begin(reserved, counter="40", device=str(first.pk))
        anew = begin(reserved, counter="3", device=str(other.pk))
        assert anew.answers == {"counter": "3", "device": str(other.pk)}
        assert Checklist.objects.filter(rental=reserved, finished_at=None).count() == 1


class TestPhotos:
    def test_the_same_photo_sent_twice_is_one(self, reserved):
        begin(reserved, photos=[shot(1)])
        begin(reserved, photos=[shot(1), shot(2), shot(2)])
        assert Photo.objects.count() == 2
        assert len({photo.key for photo in Photo.objects.all()}) == 2

    def test_a_checklist_takes_no_more_than_twelve(self, reserved):
        begin(reserved, photos=[shot(number) for number in range(10)])
        how = {"answers": {"counter": "7"}, "shown": {}, "at": LATER, "actor": make.reception()}
        kept = keep(Kind.HAND_OVER, reserved, photos=[shot(number) for number in range(8, 16)], **how)
        assert (kept.left_out, kept.checklist.photos.count()) == (4, MOST_PHOTOS)
        assert kept.checklist.answers == {"counter": "7"}

    def test_one_is_taken_out_again_while_the_checklist_is_open_and_never_after(self, reserved):
        make.prepare(reserved)
        photo = make.photo(reserved, "hand_over")
        other = make.photo(reserved, "hand_over")
        how = {"at": make.NOW, "actor": make.reception()}
        for _ in range(2):
            remove_photo(photo.checklist, photo.key, **how)
        assert list(Photo.objects.all()) == [other]
        custody.hand_over(reserved, counter=0, parts=[], now=make.NOW, **how)
        with pytest.raises(Refusal, match="its photos stay"):
            remove_photo(other.checklist, other.key, **how)

    def test_one_of_another_checklist_is_not_taken_out(self, reserved, active):
        mine, theirs = make.photo(reserved, "hand_over"), make.photo(active)
        remove_photo(mine.checklist, theirs.key, at=make.NOW, actor=make.reception())
        assert Photo.objects.count() == 2


class TestFinishing:
    def finish(self, rental, **given):
        wishes = {"answers": {"counter": "5", "shown_use": "on"}, "counter": 5, "parts": ["main_unit"]}
        moments = {"at": LATER, "now": LATER, "actor": make.reception()}
        return checklists.finish_hand_over(rental, **{**wishes, **given}, **moments)

    def test_the_verb_closes_it_with_the_last_answers(self, reserved):
        make.prepare(reserved)
        begin(reserved, counter="4", tracking="AU1")
        rental = self.finish(reserved)
        checklist = rental.checklists.get()
        assert (rental.state, checklist.finished_at) == (State.ACTIVE, LATER)
        assert checklist.answers == {"counter": "5", "tracking": "AU1", "shown_use": "on"}
        assert open_checklists(rental.clinic) == []

    def test_of_two_only_one_finishes(self, reserved):
        make.prepare(reserved)
        begin(reserved)
        self.finish(reserved)
        with pytest.raises(Refusal, match="take the device back first"):
            self.finish(type(reserved).objects.get(pk=reserved.pk))
        assert reserved.checklists.get().finished_at == LATER

    def test_what_the_verb_refuses_leaves_it_open(self, reserved):
        begin(reserved, counter="4")
        with pytest.raises(Refusal, match="not signed yet"):
            self.finish(reserved)
        found = checklist_of(Kind.HAND_OVER, reserved)
        assert found.answers == {"counter": "4"}
        assert reserved.holdings.get().out is None

    def test_what_was_read_off_another_device_hands_nothing_over(self, reserved):
        make.prepare(reserved)
        with pytest.raises(Refusal, match="was given another device"):
            self.finish(reserved, answers={"device": str(make.device(reserved.clinic).pk)})
        reserved.refresh_from_db()
        assert reserved.state == State.RESERVED

    def test_the_return_and_its_inspection_have_one_each(self, active):
        how = {"at": LATER, "actor": make.reception()}
        begin(active, Kind.TAKE_BACK)
        rental = checklists.finish_return(active, answers={"notes": "As new"}, counter=9, parts=[], now=LATER, **how)
        begin(rental, Kind.INSPECTION, at=LATER)
        given = {"passed": True, "checks": {"cleaned": True}, "fees": []}
        rental = checklists.finish_inspection(rental, answers={"passed": "yes"}, **given, **how)
        kinds = rental.checklists.values_list("kind", "finished_at")
        assert (rental.state, list(kinds)) == (State.CLOSED, [("take_back", LATER), ("inspection", LATER)])

    def test_a_device_by_itself_has_one_too(self):
        device = make.device(condition="quarantine")
        begin(device, Kind.INSPECTION, checks=["cleaned"])
        assert [one.device for one in open_checklists(device.clinic)] == [device]
        given = {"passed": True, "checks": {"cleaned": True}, "at": LATER, "actor": make.reception()}
        checklists.finish_unit_inspection(device, answers={"checks": ["cleaned"]}, **given)
        assert device.checklists.get().finished_at == LATER


class TestOvertaken:
    def test_what_was_begun_is_shown_at_its_site_until_it_is_overtaken(self, reserved, django_assert_num_queries):
        begin(reserved)
        begin(make.rental(clinic=reserved.clinic), at=LATER)
        begin(make.device(reserved.clinic, condition="repair"), Kind.INSPECTION, at=LATER + MINUTE)
        begin(make.rental())
        with django_assert_num_queries(1):
            begun = open_checklists(reserved.clinic)
            assert [one.rental and one.rental.patient.name for one in begun][-1] is None
            assert [one.changed_by.role for one in begun] == ["reception"] * 3
        change.cancel(reserved, reason="Treated elsewhere", at=LATER, actor=make.manager())
        assert len(open_checklists(reserved.clinic)) == 2

    def test_a_device_inspected_by_another_way_is_begun_anew_next_time(self):
        device = make.device(condition="quarantine")
        begin(device, Kind.INSPECTION, checks=["cleaned"])
        given = {"passed": False, "checks": {}, "at": LATER, "actor": make.reception()}
        custody.inspect_unit(device, **given)
        device = Device.objects.get(pk=device.pk)
        assert open_checklists(device.clinic) == []
        anew = begin(device, Kind.INSPECTION, at=LATER + MINUTE, checks=["cable"])
        assert anew.answers == {"checks": ["cable"]}
        assert list(device.checklists.values_list("finished_at", flat=True)) == [LATER + MINUTE, None]

    def test_handed_over_by_another_way_it_is_in_nobodys_way(self, reserved):
        begin(reserved)
        rental = make.hand_over(reserved, at=LATER)
        assert open_checklists(rental.clinic) == []
        assert begin(rental, Kind.TAKE_BACK, at=LATER).finished_at is None


@pytest.mark.parametrize(
    ("back", "missing"),
    [
        (["main_unit", "transducer", "charger"], {}),
        (["main_unit", "transducer"], {"Missing charger": Decimal("85.00")}),
        (["charger"], {"Missing main unit": Decimal("2500.00"), "Missing transducer": Decimal("350.00")}),
    ],
)
def test_a_fee_is_proposed_for_each_part_that_has_to_come_back_and_did_not(reserved, back, missing):
    reserved.terms.replacement_price = Decimal("2500.00")
    given = ["main_unit", "transducer", "charger", "strap", "gel"]
    assert {one.kind: one.fee for one in missing_parts(reserved, given, back)} == missing
