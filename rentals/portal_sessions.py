"""Short stays on the patient's pages: begun by a link and the date of birth, ended by the patient or the clock
(reliability: patient links).

Both keys, of the link and of the session, have 256 random bits, and only their hashes are kept.
"""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from django.db.models import Q, QuerySet

from config.keys import digest_of, new_key
from patients.models import Patient
from rentals.deciding import deciding
from rentals.models import PatientLink, PortalSession, StaffTask
from rentals.staff_tasks import ask_staff

MOST_TRIES = 5  # wrong dates of birth, at all links to a rental, before each lock
FIRST_LOCK = timedelta(minutes=15)  # each further one lasts twice as long
IDLE = timedelta(minutes=30)
LONGEST = timedelta(hours=2)
READABLE_AFTER_END = timedelta(days=90)  # what was signed and paid, once all is settled


def open_session(key: str, date_of_birth: date, *, at: datetime) -> str | None:
    """The key of a new session of the rental to which the link `key` leads, for the one who was born then.

    None, whether the key is unknown, revoked, locked or too old, or the date wrong: whoever guesses learns nothing.
    Each mail brings a link of its own, so guesses at all of a rental's count together, and a guess holds their rows
    while it is judged: not even guesses sent at the same moment are more than `MOST_TRIES`. Staff are told of each
    lock once. Raises `busy`.
    """
    with deciding():
        rental = usable_links(at).filter(key_hash=digest_of(key)).values("rental")
        rows = usable_links(at).filter(rental__in=rental).select_for_update(no_key=True, of=("self",))
        links = list(rows.select_related("rental__patient", "rental__clinic").order_by("pk"))
        link = next((one for one in links if one.key_hash == digest_of(key)), None)
        if link is None or any(one.locked_until and at < one.locked_until for one in links):
            return None
        if link.rental.patient.date_of_birth != date_of_birth:
            count_wrong_try(link, links, at)
            return None
        return begin_session(link, at)


def usable_links(at: datetime) -> QuerySet[PatientLink]:
    """Links to patients' pages that may open at the moment `at`.

    Not those of a patient who has withdrawn or died, which silences everything; nor of a rental that ended more than
    `READABLE_AFTER_END` ago.
    """
    is_readable = Q(rental__ended_at=None) | Q(rental__ended_at__gt=at - READABLE_AFTER_END)
    return PatientLink.objects.filter(
        is_readable,
        purpose=PatientLink.Purpose.PORTAL,
        revoked_at=None,
        expires_at__gt=at,
        rental__patient__state=Patient.State.ACTIVE,
    )


def count_wrong_try(link: PatientLink, links: Sequence[PatientLink], at: datetime) -> None:
    """Count one more; every fifth at the rental's `links` locks this one, and so all of them, twice as long as before.

    The caller holds their rows, and `link` is one of them.
    """
    link.wrong_tries += 1
    tries = sum(one.wrong_tries for one in links)
    if tries % MOST_TRIES == 0:
        number = tries // MOST_TRIES
        link.locked_until = at + FIRST_LOCK * 2 ** (number - 1)
        ask_about_lock(link, number, link.locked_until, at)
    link.save(update_fields=["wrong_tries", "locked_until"])


def ask_about_lock(link: PatientLink, number: int, until: datetime, at: datetime) -> None:
    there = until.astimezone(link.rental.clinic.zone)
    ask_staff(
        StaffTask.Kind.LOCKED_OUT,
        f"rental {link.rental_id} lock {number}",
        rental=link.rental,
        words=f"A wrong date of birth was written {MOST_TRIES} times at the links to the patient's pages, so they are "
        f"locked until {there:%A %-d %B %Y, %H:%M}. Phone the patient. If it was the patient, check the date of birth "
        "that we have; if it was not, close the patient's page on the page of the rental.",
        at=at,
    )


def begin_session(link: PatientLink, at: datetime) -> str:
    key = new_key()
    PortalSession.objects.create(
        link=link, key_hash=digest_of(key), created_at=at, last_seen_at=at, expires_at=at + LONGEST
    )
    return key


def continue_session(key: str, *, at: datetime) -> PortalSession | None:
    """The session with this `key`, with its rental, clinic, patient and terms, noted as seen at `at`; None once it
    ended: signed out, idle, too long, its link revoked, its patient silenced."""
    going_on = PortalSession.objects.filter(
        key_hash=digest_of(key), ended_at=None, expires_at__gt=at, last_seen_at__gt=at - IDLE, link__in=usable_links(at)
    )
    about = ("link__rental__clinic", "link__rental__patient", "link__rental__terms")
    session = going_on.select_related(*about).first()
    if session:
        PortalSession.objects.filter(pk=session.pk).update(last_seen_at=at)
    return session


def is_open(session: PortalSession, *, at: datetime) -> bool:
    """Whether the link of the session opens anything still: not revoked, its patient not silenced, since."""
    return usable_links(at).filter(pk=session.link_id).exists()


def end_session(session: PortalSession, *, at: datetime) -> None:
    """End it for good; its key opens nothing any more."""
    PortalSession.objects.filter(pk=session.pk, ended_at=None).update(ended_at=at)
