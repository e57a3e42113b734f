"""The demo clinic as a whole."""

from collections import deque
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from django.db import transaction

from config.clinic_setup import add_user
from config.models import Clinic, User
from rentals.booking.offers import sweep_offers
from rentals.booking.replan import mend
from rentals.demo.counts import counted
from rentals.demo.fleet import add_fleet, say_when_service_is_due
from rentals.demo.incidents import copied_log, interrupted, looked_into, mistyped_reading, recall, sent_away, taken_on
from rentals.demo.mornings import mornings, nights
from rentals.demo.people import people
from rentals.demo.scenes import Scenes, Telling, ask, play
from rentals.demo.sites import PERTH, SYDNEY, Site, Staff, open_site
from rentals.demo.stories import stories
from rentals.demo.usage import Reader
from rentals.demo.wishes import healed, seen_to, wishes
from rentals.reconciliation.discrepancies import sweep_silence
from rentals.reminders import outbox
from rentals.reminders.plan import plan_reminders

BEGAN = timedelta(days=240)  # so long ago Callus came to the clinics


def make_demo_clinic(at: datetime) -> dict[str, str]:
    """Make the demo clinic as it stands at the moment `at`, with one login a role.

    All of it is made, or nothing. Returns the random passwords by username.
    """
    with transaction.atomic():
        clinics = {name: open_site(name, at - BEGAN) for name in (SYDNEY, PERTH)}
        # Reception works at one of the two sites, so that it can be seen what it does not see.
        works_at = {User.Role.RECEPTION: [clinics[SYDNEY]]}
        logins = {role: add_user(role.value, role=role.value, clinics=works_at.get(role)) for role in User.Role}
        users = {role: user for role, (user, _) in logins.items()}
        staff = Staff(users[User.Role.RECEPTION], users[User.Role.CLINICIAN], users[User.Role.MANAGER])
        sites = sites_of(clinics, staff, at)
        play(tellings(sites, at))
        mend(at)
        sweep_offers(at)
        sweep_silence(at)
        outbox.sweep(at)
        plan_reminders(at)
    return {role.value: password for role, (_, password) in logins.items()}


def sites_of(clinics: Mapping[str, Clinic], staff: Staff, at: datetime) -> dict[str, Site]:
    desks = {SYDNEY: staff.reception, PERTH: staff.manager}
    return {
        name: Site(clinic, staff, desks[name], clinic.day_of(at), deque(turns))
        for (name, clinic), turns in zip(clinics.items(), people(), strict=True)
    }


def tellings(sites: Mapping[str, Site], at: datetime) -> Iterator[tuple[Site, Scenes]]:
    """Everything there is to tell until the moment `at`, each with the site whose calendar it follows."""
    sydney, perth = sites[SYDNEY], sites[PERTH]
    fleet = add_fleet({name: site.clinic for name, site in sites.items()}, sydney.staff.manager, at - BEGAN)
    say_when_service_is_due(fleet, sites, at - BEGAN)
    readers = {name: Reader(site) for name, site in sites.items()}
    for story in stories():
        site = sites[story.site]
        yield site, Telling(story, site, fleet, readers[story.site]).tell() if story.unit else ask(story, site)
    for name, site in sites.items():
        yield site, readers[name].rounds()
        yield site, looked_into(site, fleet)
    yield sydney, recall(sydney, fleet)
    yield sydney, sent_away(sydney, perth, fleet)
    yield perth, mistyped_reading(perth, fleet)
    yield sydney, copied_log(readers[SYDNEY], fleet)
    yield sydney, taken_on(sydney)
    yield sydney, counted(sydney)
    yield sydney, interrupted(sydney)
    yield sydney, healed(sydney, fleet["S12"])
    yield perth, seen_to(perth, fleet)
    yield perth, wishes(perth, fleet)
    yield sydney, nights(sydney)
    yield sydney, mornings(sydney, at)
