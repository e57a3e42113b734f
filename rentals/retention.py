"""What is not kept for ever."""

from datetime import datetime, timedelta

from rentals.models import StoredAnswer

ANSWERS_KEPT = timedelta(days=2)


def forget_stored_answers(at: datetime) -> int:
    """Delete the answers kept for Idempotency-Key and for the desk's forms that are two days old: they may hold
    patient data, and nobody asks again.

    Returns how many.
    """
    deleted, _ = StoredAnswer.objects.filter(created_at__lt=at - ANSWERS_KEPT).delete()
    return deleted
