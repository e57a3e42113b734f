"""The pages on which a manager sets a site up: found at their fields, kept to one's sites, told what they catch."""

from datetime import date, time, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.models import Clinic
from config.site_settings import add_closure
from rentals.booking.offers import offer_next
from rentals.booking.replan import mend
from rentals.models import Holding, Reminder, ReminderRule, Rental
from rentals.reminders.plan import plan_reminders
from rentals.site_settings import caught_by_closed_days
from tests import make
from tests.rentals.desk.desk import Desk

pytestmark = pytest.mark.django_db
SITE, HOURS, CLOSURE, MAIL = "/settings/site/", "/settings/hours/", "/settings/closures/add/", "/settings/mail/"
DAY = timedelta(days=1)
MONDAY = date(2026, 3, 30)  # four weeks after `make.NOW`


@pytest.fixture
def site():
    return make.clinic("Harbour")


@pytest.fixture
def desk(site):
    return Desk(make.manager(site))


def now(site):
    """The site as it is now."""
    return Clinic.objects.get(pk=site.pk)


def reserved(site):
    """A booking from the Monday four weeks on."""
    return make.book(site, device=make.device(site), starts_on=MONDAY)


class TestThisSite:
    def test_is_saved_as_it_is_proposed_but_for_what_was_changed(self, desk, site):
        before = Clinic.objects.filter(pk=site.pk).values().get()
        assert desk.fill_in(SITE, abn="51824753556", legal_name="Harbour Bone Pty Ltd", turnaround_days=2) == 302
        desk.see(desk.led_to)
        assert "The settings of this site are saved." in desk.page
        changed = {"abn": "51 824 753 556", "legal_name": "Harbour Bone Pty Ltd", "turnaround_days": 2}
        assert Clinic.objects.filter(pk=site.pk).values().get() == before | changed

    @pytest.mark.parametrize(
        ("field", "value", "said"),
        [
            ("abn", "51 824 753 557", "is not an ABN"),
            ("time_zone", "Sydney", "is not a time zone"),
            ("holiday_region", "NSW", "is not a region"),
            ("turnaround_days", "61", "write 60 or less"),
            ("pick_ups_per_day", "0", "write 1 or more"),
            ("reminders_until", "07:00", "after the one from which"),
            ("name", "", "fill this in"),
        ],
    )
    def test_says_what_is_wrong_at_its_field(self, desk, site, field, value, said):
        assert desk.fill_in(SITE, phone="1", **{field: value}) in (400, 422)
        assert said in desk.problems()[field][0]
        assert f'aria-describedby="id_{field}' in desk.page
        assert now(site).phone == ""

    def test_says_all_that_is_wrong_at_once(self, desk):
        assert desk.fill_in(SITE, abn="1", time_zone="Sydney", holiday_region="NSW", turnaround_days="x") == 422
        assert desk.problems().keys() == {"abn", "time_zone", "holiday_region", "turnaround_days"}

    def test_has_a_unit_and_a_sentence_for_each_setting(self, desk):
        desk.see(SITE)
        form = desk.answer.context["form"]
        fields = [field for _, some in form.panels() for field in some]
        assert {field.name for field in fields} == set(form.fields) - {"site", "read"}
        assert all(field.help_text.endswith(".") for field in fields)

    def test_keeps_its_time_zone_while_rentals_are_live(self, desk, site):
        rental = make.rental("active", site)
        assert desk.fill_in(SITE, time_zone="Australia/Perth") == 409
        assert "1 rental is reserved or out here" in desk.problems()["time_zone"][0]
        assert desk.fill_in(SITE, phone="1") == 302
        make.take_back(rental, at=make.NOW + DAY)
        assert desk.fill_in(SITE, time_zone="Australia/Perth") == 302
        assert now(site).time_zone == "Australia/Perth"

    def test_leaves_no_reminder_rule_outside_the_sending_hours(self, desk, site):
        ReminderRule.objects.create(clinic=site, kind=Reminder.Kind.DUE_TODAY, days=[0], at=time(16))
        assert desk.fill_in(SITE, reminders_until="15:00") == 400
        assert "is told from 16:00 on" in desk.problems()["reminders_until"][0]
        assert now(site).reminders_until == time(18)

    def test_is_not_mixed_up_with_a_site_chosen_meanwhile(self, site):
        other = make.clinic("Inland")
        desk = Desk(make.manager(site, other))
        desk.see(SITE)
        entries = desk.proposed() | {"phone": "1"}
        desk.send("/site/", site=other.pk)
        assert desk.send(SITE, **entries) == 409
        assert "Inland was chosen after this page was opened" in desk.page
        assert not Clinic.objects.filter(phone="1").exists()

    def test_keeps_what_two_managers_change_at_the_same_time(self, desk, site):
        other = Desk(make.manager(site))
        Clinic.objects.update(address="1 Quay Street\nSydney")
        desk.see(SITE)
        proposed = desk.proposed() | {"address": "1 Quay Street\r\nSydney"}  # as browsers send it
        other.see(SITE)
        changed = {"abn": "51824753556", "address": "2 Quay Street\r\nSydney"}
        assert other.kept(other.client.post(SITE, other.proposed() | changed)) == 302
        assert desk.kept(desk.client.post(SITE, proposed | {"phone": "02 5550 0100"})) == 302
        kept = now(site)
        assert (kept.abn, kept.phone, kept.address) == ("51 824 753 556", "02 5550 0100", "2 Quay Street\nSydney")

    def test_tells_the_second_of_two_managers_who_change_the_same(self, desk, site):
        other = Desk(make.manager(site))
        desk.see(SITE)
        proposed = desk.proposed()
        assert other.fill_in(SITE, phone="02 5550 0100") == 302
        assert desk.send(SITE, **proposed | {"phone": "02 5550 0200", "courier_days": 4}) == 409
        assert "Somebody else has changed this" in desk.problems()["phone"][0]
        assert (now(site).phone, now(site).courier_days) == ("02 5550 0100", site.courier_days)
        desk.see(SITE)
        assert desk.send(SITE, **proposed | {"phone": "02 5550 0100", "courier_days": 4}) == 302
        assert now(site).courier_days == 4

    @pytest.mark.parametrize("read", ["0", "9" * 40, ""])
    def test_is_not_saved_by_a_page_that_was_never_shown(self, desk, site, read):
        assert desk.fill_in(SITE, read=read, phone="1") in {400, 422}
        assert now(site).phone == ""

    def test_is_only_one_s_own(self, site):
        desk = Desk(make.manager(make.clinic("Inland")))
        desk.see("/settings/")
        assert "Settings of Inland" in desk.page
        assert desk.fill_in(SITE, site=site.pk, phone="1") == 409
        assert now(site).phone == ""

    def test_leads_to_an_invoice(self, desk, site):
        rental = make.rental("returned", site)
        statement = f"/rentals/{rental.reference}/statement/"
        desk.see(statement)
        assert f'href="{SITE}#id_abn"' in desk.page
        desk.send(f"/rentals/{rental.reference}/invoice/")
        desk.see(desk.led_to)
        assert "a manager enters it under Settings" in desk.page
        desk.fill_in(SITE, abn="51 824 753 556")
        assert desk.send(f"/rentals/{rental.reference}/invoice/") == 302
        assert "/papers/" in desk.led_to
        desk.see(statement)
        assert f"{SITE}#id_abn" not in desk.page


class TestOpeningHours:
    def test_are_saved_by_weekday(self, desk, site):
        assert desk.fill_in(HOURS, opens_5="", closes_5="", opens_6="10:00", closes_6="12:00", closes_0="20:00") == 302
        shown = {one.weekday: (one.opens, one.closes) for one in site.opening_hours.all()}
        assert (5 in shown, shown[6], shown[0]) == (False, (time(10), time(12)), (time(8, 30), time(20)))

    @pytest.mark.parametrize(
        ("entries", "field", "said"),
        [
            ({"closes_2": ""}, "closes_2", "Fill in both times"),
            ({"opens_2": "18:00"}, "closes_2", "after the opening time"),
            ({"opens_2": "noon"}, "opens_2", "valid time"),
            (
                {f"{end}_{day}": "" for end in ("opens", "closes") for day in range(7)},
                "opens_0",
                "at least one weekday",
            ),
        ],
    )
    def test_say_what_is_wrong_at_the_weekday(self, desk, site, entries, field, said):
        assert desk.fill_in(HOURS, **entries) in (400, 422)
        assert said in desk.problems()[field][0]
        assert site.opening_hours.count() == 6

    def test_name_who_is_expected_on_a_day_that_is_closed_now(self, desk, site):
        rental = make.rental("active", site, at=make.NOW)
        later = reserved(site)
        make.rental("closed", site)
        desk.see(HOURS)
        assert "Expected on a closed day" not in desk.page
        assert desk.fill_in(HOURS, opens_0="", closes_0="") == 302
        desk.see(desk.led_to)
        found = {(one.reference, one.errand, one.day) for one in desk.answer.context["caught"]}
        assert found == {
            (rental.reference, "return", MONDAY),
            (later.reference, "pick-up", MONDAY),
            (later.reference, "return", MONDAY + 28 * DAY),
        }
        assert rental.reference in desk.page
        assert "closed on Mondays" in desk.page

    def test_show_the_public_holidays_of_a_year(self, desk, site):
        desk.see(HOURS)
        assert "this site has no region" in desk.page
        desk.fill_in(SITE, holiday_region="AU-NSW")
        desk.see(HOURS)
        days = [day for day, _ in desk.answer.context["holidays"]]
        assert days[0] == date(2026, 4, 3)
        assert days[-1] <= date(2027, 3, 2)
        assert "Good Friday" in desk.page


class TestClosures:
    def test_are_added_and_removed(self, desk, site):
        assert desk.fill_in(CLOSURE, first_day="2026-04-06", reason="Stocktake") == 302
        assert now(site).why_closed(date(2026, 4, 6)) == "Stocktake"
        desk.see(HOURS)
        assert "Stocktake" in desk.page
        [closure] = site.closures.all()
        assert desk.fill_in(f"/settings/closures/{closure.pk}/remove/") == 302
        assert now(site).is_open(date(2026, 4, 6))

    def test_in_the_wrong_order_are_refused_at_the_last_day(self, desk, site):
        assert desk.fill_in(CLOSURE, first_day="2026-04-06", last_day="2026-04-05", reason="x") == 400
        assert desk.problems() == {"last_day": ["Choose the first day or one after it."]}

    def test_say_whom_they_catch_and_move_nobody(self, desk, site):
        rental = make.rental("active", site, at=make.NOW)
        desk.fill_in(CLOSURE, first_day="2026-03-28", last_day="2026-04-02", reason="Renovation")
        desk.see(desk.led_to)
        assert [one.why for one in desk.answer.context["caught"]] == ["Renovation"]
        assert Rental.objects.get(pk=rental.pk).due_on == MONDAY

    def test_are_asked_for_in_the_same_number_of_queries_for_one_and_for_three(self, site, django_assert_num_queries):
        reserved(site)
        add_closure(site, first_day=MONDAY, last_day=MONDAY, reason="x")
        for _ in range(2):
            asked = now(site)
            with django_assert_num_queries(3):  # rentals, closures, hours
                assert caught_by_closed_days(asked, make.NOW)
            reserved(site)
            reserved(site)

    def test_count_a_return_on_the_day_that_was_named_for_it(self, site):
        rental = make.rental("active", site, at=make.NOW)
        Rental.objects.filter(pk=rental.pk).update(return_expected_at=make.NOW + 24 * DAY)
        add_closure(site, first_day=MONDAY, last_day=MONDAY, reason="Stocktake")
        assert caught_by_closed_days(now(site), make.NOW) == []
        named = MONDAY - 4 * DAY
        add_closure(site, first_day=named, last_day=named, reason="Training")
        [caught] = caught_by_closed_days(now(site), make.NOW)
        assert (caught.reference, caught.errand, caught.day) == (rental.reference, "return", named)


class TestWhatFollowsByItself:
    def test_a_reminder_of_a_day_that_is_closed_now_is_told_before_it(self, desk, site):
        rental = make.rental("active", site, at=make.NOW)
        told = MONDAY - 3 * DAY  # the Friday on which "due in 3 days" leaves
        planned = Reminder.objects.filter(rental=rental, kind=Reminder.Kind.DUE_SOON, occasion__endswith="-3")
        plan_reminders(site.moment(told - DAY, time(9)))
        assert not planned.exists()
        desk.fill_in(CLOSURE, first_day=str(told), reason="Stocktake")
        plan_reminders(site.moment(told - DAY, time(9)))
        assert planned.exists()

    def test_an_offer_is_open_for_longer_over_a_closure(self, desk, site):
        make.device(site)
        rental = make.waiting(site)
        today = site.day_of(make.NOW)
        desk.fill_in(CLOSURE, first_day=str(today + DAY), last_day=str(today + 3 * DAY), reason="Stocktake")
        offer_next(now(site), make.NOW)
        rental.refresh_from_db()
        assert site.day_of(rental.offer_expires_at) == today + 4 * DAY

    def test_the_next_repair_leaves_reservations_their_devices_whatever_the_turnaround(self, desk, site):
        device = make.device(site)
        first = make.book(site, device=device)
        make.book(site, device=device, starts_on=first.due_on + 3 * DAY)
        desk.fill_in(SITE, turnaround_days=9)
        make.rental("active", site, at=make.NOW - 40 * DAY)  # overdue, so the plan is repaired
        mend(make.NOW)
        assert not Holding.objects.filter(live=True, device=None).exists()


class TestHowMailLeaves:
    @pytest.mark.parametrize(
        ("variables", "said"),
        [
            ({}, "Only an immediate refusal counts."),
            ({"EMAIL_SERVICE": "postmark"}, "Only an immediate refusal counts."),
            ({"EMAIL_SERVICE": "postmark", "WEBHOOK_SECRET": "user:hush"}, "Postmark tells it by webhook."),
            (
                {"BOUNCE_ADDRESS": "b@c.example", "BOUNCE_MAILBOX_URL": "imaps://me:hush@mail.example/INBOX"},
                "Reports are taken from a mailbox every five minutes.",
            ),
            ({"BOUNCE_ADDRESS": "b@c.example"}, "A mail server may hand reports over with take_bounce."),
            ({"BOUNCE_ADDRESS": "b@c.example", "EMAIL_SERVICE": "postmark"}, "Only an immediate refusal counts."),
        ],
    )
    def test_says_what_is_heard_and_no_secret(self, site, settings, variables, said):
        for name in ("EMAIL_SERVICE", "WEBHOOK_SECRET", "BOUNCE_ADDRESS", "BOUNCE_MAILBOX_URL"):
            setattr(settings, name, variables.get(name, ""))
        auditor = Desk(make.auditor(site))
        assert auditor.see(MAIL) == 200
        assert said in auditor.page
        assert ("Only an immediate refusal counts." in auditor.page) == said.startswith("Only")
        assert "hush" not in auditor.page

    @pytest.mark.parametrize(
        ("name", "value", "said"),
        [
            ("EMAIL_URL", "smtp+tls://me:hush@mail.example:587", "by a mail server (SMTP)"),
            ("EMAIL_SERVICE", "mailgun", "by the mail service Mailgun"),
            ("EMAIL_URL", "", "reaches nobody"),
        ],
    )
    def test_says_by_what_it_leaves(self, desk, settings, name, value, said):
        settings.EMAIL_URL = settings.EMAIL_SERVICE = ""
        setattr(settings, name, value)
        desk.see(MAIL)
        assert said in desk.page
        assert "hush" not in desk.page


def test_an_auditor_reads_the_settings_and_is_led_to_no_change(site):
    desk = Desk(make.auditor(site))
    assert desk.see("/settings/") == 200
    assert "Turnaround (days)" in desk.page
    assert "none: no invoice can be made" in desk.page
    assert SITE not in desk.page


class TestWhoChangedWhat:
    def test_is_told_in_words_with_what_stood_there_before(self, desk, site):
        desk.fill_in(SITE, phone="02 9555 0100", turnaround_days=3)
        desk.fill_in(HOURS, opens_0="09:00", closes_5="", opens_5="")
        desk.fill_in(CLOSURE, first_day="2026-03-09", last_day="", reason="Stocktake")
        closure = site.closures.get()
        desk.fill_in(f"/settings/closures/{closure.pk}/remove/")
        desk.see("/settings/history/")
        told = desk.answer.context["changes"]
        titles = {one.title for one in told}
        assert {"Closure removed: Mon 9 Mar 2026, Stocktake", "Closure added", "Saturday: closed from now on"} <= titles
        assert {"Settings", "Hours of Monday", "Site opened"} <= titles
        lines = {line for one in told if not one.is_new for line in one.lines}
        assert {("Turnaround (days)", "1", "3"), ("Opens at", "8:30 am", "9:00 am")} <= lines
        manager = desk.answer.wsgi_request.user.username
        assert {one.who for one in told} == {manager, "nobody signed in"}

    def test_is_of_this_site_only_and_asks_as_much_for_ten_as_for_one(self, desk, site):
        other = make.clinic("Elsewhere")
        Desk(make.manager(other)).fill_in(SITE, phone="1234")
        counts = []
        for number in range(2):
            desk.fill_in(SITE, phone=str(number))
            with CaptureQueriesContext(connection) as asked:
                desk.see("/settings/history/")
            counts.append(len(asked))
            for turn in range(5):
                desk.fill_in(SITE, phone=f"{number} {turn}")
        assert "1234" not in desk.page
        assert counts[0] == counts[1]


class TestTermsAndRules:
    def test_the_next_version_of_the_terms_has_its_writer_among_the_versions(self, desk, site):
        assert desk.fill_in("/terms/", bond="250.00") == 302
        assert site.current_terms.created_by == desk.answer.wsgi_request.user
        desk.see("/terms/")
        assert "Version 2: hire $60.00 a week, bond $250.00" in desk.page
        assert "Version 1: hire $60.00 a week, bond $300.00" in desk.page

    @pytest.mark.parametrize("address", ["/terms/", "/messages/rules/"])
    def test_a_form_opened_before_somebody_else_saved_says_who_it_was_and_saves_nothing(self, desk, site, address):
        entries = {"/terms/": ("bond", "250.00", "200.00"), "/messages/rules/": ("overdue_days", "2", "5")}
        name, theirs, mine = entries[address]
        desk.see(address)
        opened = desk.proposed()
        other = Desk(make.manager(site))
        assert other.fill_in(address, **{name: theirs}) == 302
        assert desk.send(address, **opened | {name: mine}) == 409
        assert f"{other.answer.wsgi_request.user.username} has changed this since you opened the page" in desk.page
        assert site.current_terms.bond in (300, 250)
        assert not ReminderRule.objects.filter(days=[5]).exists()


class TestAnotherSite:
    NEW = {"name": "Foreshore", "time_zone": "Australia/Perth", "bond": "200.00"}

    def test_is_opened_with_usual_hours_and_terms_and_is_chosen(self, site):
        desk = Desk(make.manager())
        assert desk.fill_in("/settings/sites/new/", **self.NEW) == 302
        made = Clinic.objects.get(name="Foreshore")
        assert (made.holiday_region, made.opening_hours.count(), made.current_terms.bond) == ("AU-WA", 6, 200)
        assert made.current_terms.created_by == desk.answer.wsgi_request.user
        desk.see(desk.led_to)
        assert "<h1>This site: Foreshore</h1>" in desk.page

    @pytest.mark.parametrize(
        ("field", "value"), [("name", "Harbour"), ("time_zone", "Perth"), ("holiday_region", "AU-XYZ"), ("bond", "-1")]
    )
    def test_says_what_is_wrong_at_its_field(self, site, field, value):
        desk = Desk(make.manager())
        assert desk.fill_in("/settings/sites/new/", **{**self.NEW, field: value}) in (400, 422)
        assert field in desk.problems()
        assert Clinic.objects.get() == site

    def test_is_not_for_a_manager_of_named_sites(self, desk, site):
        desk.see("/settings/sites/new/")
        assert "You work at named sites" in desk.page
        given = {"holiday_region": "", "weekly_hire": "60", "late_fee_per_day": "10", **self.NEW}
        assert desk.send("/settings/sites/new/", **given) == 409
        assert Clinic.objects.get() == site


def test_of_many_whom_a_closed_day_catches_the_first_are_shown_with_a_way_to_all(desk, site):
    boss = make.manager()
    for _ in range(11):
        make.book(site, device=make.device(site), starts_on=MONDAY, actor=boss, patient=make.patient(site, actor=boss))
    add_closure(site, first_day=MONDAY, last_day=MONDAY, reason="Stocktake")
    desk.see("/settings/")
    assert desk.page.count("pick-up, Mon 30 Mar 2026") == 10
    assert "All 11 who are expected on a closed day" in desk.page
    desk.see("/settings/closed-days/")
    assert desk.page.count("pick-up, Mon 30 Mar 2026") == 11
