"""What is not kept for ever."""

from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, Q

from rentals.models import PatientLink, PortalSession, Sheet, Signature, StoredAnswer

ANSWERS_KEPT = timedelta(days=2)
# After a link or a visit has ended: as long as a hire's pages stay open after its end, for so long somebody may ask who
# came in by which link.
LINKS_KEPT = timedelta(days=90)
SHEETS_KEPT = timedelta(days=7)


def forget_stored_answers(at: datetime) -> int:
    """Delete the answers kept for Idempotency-Key and for the desk's forms that are two days old: they may hold
    patient data, and nobody asks again.

    Returns how many.
    """
    deleted, _ = StoredAnswer.objects.filter(created_at__lt=at - ANSWERS_KEPT).delete()
    return deleted


def forget_links(at: datetime) -> int:
    """Delete visits to patients' pages that ended, and links that expired or were revoked, more than `LINKS_KEPT` ago.

    Not a visit during which somebody signed, nor its link: they show that the date of birth was given. Returns how
    many links.
    """
    until = at - LINKS_KEPT
    with transaction.atomic():
        PortalSession.objects.filter(Q(ended_at__lt=until) | Q(expires_at__lt=until)).exclude(signed_in_it()).delete()
        ended = PatientLink.objects.filter(Q(revoked_at__lt=until) | Q(expires_at__lt=until), sessions=None)
        deleted, _ = ended.delete()
    return deleted


def forget_sheets(at: datetime) -> int:
    """Empty the spreadsheets that nobody has taken or dropped in `SHEETS_KEPT`, for they hold patients.

    Returns how many.
    """
    return Sheet.objects.filter(uploaded_at__lt=at - SHEETS_KEPT).exclude(content=b"").update(content=b"")


def signed_in_it() -> Exists:
    """Whether the patient, or a guardian, signed by the link during a visit."""
    signed = Signature.objects.filter(rental=OuterRef("link__rental"), witnessed_by=None)
    return Exists(signed.filter(signed_at__gte=OuterRef("created_at"), signed_at__lte=OuterRef("expires_at")))
