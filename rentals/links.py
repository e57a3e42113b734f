"""Links by which a patient answers an offer, or sees the pages about a hire, without an account (reliability: patient
links).

The key has 256 random bits and only its hash is kept. It opens nothing by itself: the page asks for the date of
birth. A few wrong ones close a link to an offer for good, and one to the patient's pages for a while.
"""

from collections.abc import Collection
from datetime import date, datetime, timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.urls import reverse

from config.keys import digest_of, new_key
from config.models import User
from patients.access import record_access
from patients.models import Access
from rentals.deciding import deciding, lock_rental
from rentals.lifecycle import record
from rentals.models import Holding, PatientLink, Rental
from rentals.models.states import State

MOST_TRIES = 5
PORTAL_LINK_LASTS = timedelta(days=365)


def make_link(rental: Rental, *, expires_at: datetime, at: datetime) -> str:
    """A new key to the rental's offer until `expires_at`; those in other mails, to another reader say, open it too."""
    [key] = add_links([rental], PatientLink.Purpose.OFFER, expires_at=expires_at, at=at)
    return key


def make_portal_link(rental: Rental, *, at: datetime) -> str:
    """A new key to the patient's pages about the rental; those in earlier mails go on opening them."""
    [key] = make_portal_links([rental], at=at)
    return key


def make_portal_links(rentals: Collection[Rental], *, at: datetime) -> list[str]:
    """The same for each of `rentals`, in their order and in one statement."""
    return add_links(rentals, PatientLink.Purpose.PORTAL, expires_at=at + PORTAL_LINK_LASTS, at=at)


def add_links(
    rentals: Collection[Rental], purpose: PatientLink.Purpose, *, expires_at: datetime, at: datetime
) -> list[str]:
    keys = [new_key() for _ in rentals]
    PatientLink.objects.bulk_create(
        PatientLink(rental=rental, purpose=purpose, key_hash=digest_of(key), created_at=at, expires_at=expires_at)
        for rental, key in zip(rentals, keys, strict=True)
    )
    return keys


def open_links(rental: Rental, at: datetime) -> QuerySet[PatientLink]:
    """The links about the rental that open something at the moment `at`."""
    return PatientLink.objects.filter(rental=rental, revoked_at=None, expires_at__gt=at)


def revoke_links(rental: Rental, *, at: datetime, actor: User) -> Rental:
    """Close every link mailed about the rental, and whatever is open through one; later mails bring new ones."""
    with deciding():
        rental, _ = lock_rental(rental)
        PatientLink.objects.filter(rental=rental, revoked_at=None).update(revoked_at=at)
        record(rental, "revoke_links", old=rental.state, at=at, now=at, actor=actor)
        record_access(actor, [rental.patient_id], Access.Action.CHANGED, at)
    return rental


def address_of(key: str) -> str:
    """Where the patient answers, as it stands in a mail."""
    return settings.PUBLIC_URL + reverse("offer", args=[key])


def address_of_portal(key: str) -> str:
    """Where the patient's pages open, as it stands in a mail."""
    return settings.PUBLIC_URL + reverse("portal", args=[key])


def address_without_key(rental: Rental) -> str:
    """What stands for the address of an offer in what we keep of the mail."""
    return address_of(f"key-of-{rental.reference}")


def portal_without_key(rental: Rental) -> str:
    """What stands for the address of the patient's pages in what we keep of the mail."""
    return address_of_portal(f"key-of-{rental.reference}")


def open_link(key: str, date_of_birth: date, *, at: datetime) -> Rental | None:
    """The rental whose offer `key` leads to, open, answered or taken back, for the one who was born then.

    None, whether the key is unknown, revoked or locked, the offer over or the date wrong: whoever guesses learns
    nothing. Each reader of an offer has a link of their own, so wrong dates at all of an offer's count together, and
    a try holds their rows while it is judged: not even guesses sent at the same moment are more than `MOST_TRIES`.
    Raises `busy`.
    """
    with deciding():
        known = PatientLink.objects.filter(
            key_hash=digest_of(key), purpose=PatientLink.Purpose.OFFER, revoked_at=None, expires_at__gt=at
        ).first()
        if known is None:
            return None
        links = links_to_offer(known)
        link = next(one for one in links if one == known)
        if link.revoked_at or sum(one.wrong_tries for one in links) >= MOST_TRIES:
            return None
        if link.rental.patient.date_of_birth != date_of_birth:
            link.wrong_tries += 1
            link.save(update_fields=["wrong_tries"])
            return None
    is_open = link.rental.offer_expires_at == link.expires_at
    return link.rental if is_open or is_answered(link.rental) or is_taken_back(link.rental) else None


def links_to_offer(link: PatientLink) -> list[PatientLink]:
    """All links to the one offer that `link` leads to, locked in their order."""
    rows = PatientLink.objects.filter(rental=link.rental_id, purpose=link.purpose, expires_at=link.expires_at)
    rows = rows.select_for_update(no_key=True, of=("self",)).order_by("pk")
    return list(rows.select_related("rental__clinic", "rental__patient", "rental__terms"))


def is_answered(rental: Rental) -> bool:
    """Whether the rental, which had an offer, is booked by now, or waits again because its patient passed on it."""
    waits = rental.state == State.ENQUIRY and rental.passed_at is not None
    return rental.offer_expires_at is None and (waits or rental.state == State.RESERVED)


def is_taken_back(rental: Rental) -> bool:
    """Whether the rental, which had an offer, waits for the next one, or will as soon as somebody looks: the device
    that was held for it may not go out any more."""
    if rental.offer_expires_at is None:
        return rental.state == State.ENQUIRY and rental.passed_at is None
    return has_lost_device(rental)


def has_lost_device(rental: Rental) -> bool:
    """Whether the rental is booked, or offered, and the device that was meant for it may not go out any more."""
    return Holding.objects.filter(rental=rental, live=True, device=None).exists()
