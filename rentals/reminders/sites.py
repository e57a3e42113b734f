"""A site as the senders of its mail need it: hours, closures, rules and own words, read once a process and version.

Each mail needs them, and they change a few times a year. What is kept is never out of date: PostgreSQL names the
version of each row by where it stands (ctid) and by which transaction it was written (xmin), so that one short query
says whether any of them has changed, been added or been removed since.
"""

from functools import lru_cache

from config.models import Clinic
from rentals.reconciliation.sql import rows
from rentals.reminders.rules import rules_of
from rentals.reminders.texts.templates import keep_words

MOST_KEPT = 100  # sites


def site(clinic: int) -> Clinic:
    """The clinic with that id as it is now. Many share the instance: it is to be read, not changed."""
    [(versions,)] = rows(VERSIONS, {"clinic": clinic})
    return site_of(clinic, versions)


@lru_cache(MOST_KEPT)
def site_of(clinic: int, versions: str) -> Clinic:
    """The clinic, read when its rows had these `versions`; where they are newer by now, those are never asked again."""
    found = Clinic.objects.prefetch_related("opening_hours", "closures", "reminder_rules").get(pk=clinic)
    rules_of(found)
    keep_words(found)
    return found


VERSIONS = """
    SELECT string_agg(concat_ws(' ', tableoid, ctid, xmin), ',')
    FROM (
        SELECT tableoid, ctid, xmin FROM config_clinic WHERE id = %(clinic)s
        UNION ALL SELECT tableoid, ctid, xmin FROM config_openinghours WHERE clinic_id = %(clinic)s
        UNION ALL SELECT tableoid, ctid, xmin FROM config_closure WHERE clinic_id = %(clinic)s
        UNION ALL SELECT tableoid, ctid, xmin FROM rentals_reminderrule WHERE clinic_id = %(clinic)s
        UNION ALL SELECT tableoid, ctid, xmin FROM rentals_messagetemplate WHERE clinic_id = %(clinic)s
    ) part
"""
