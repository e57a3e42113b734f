"""The states of a rental and the one table of moves between them (I4).

The verbs (`rentals.lifecycle`) and the trigger in the database both read this table.
"""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class State(TextChoices):
    ENQUIRY = "enquiry", _("Enquiry")
    RESERVED = "reserved", _("Reserved")
    ACTIVE = "active", pgettext_lazy("a rental", "Active")
    RETURNED = "returned", _("Returned")
    LOST = "lost", _("Lost")
    KEPT = "kept", _("Kept")
    CLOSED = "closed", pgettext_lazy("a rental", "Closed")
    CANCELLED = "cancelled", _("Cancelled")


MOVES: dict[State, frozenset[State]] = {
    State.ENQUIRY: frozenset({State.RESERVED, State.CANCELLED}),
    State.RESERVED: frozenset({State.ACTIVE, State.CANCELLED, State.ENQUIRY}),
    State.ACTIVE: frozenset({State.RETURNED, State.LOST, State.KEPT}),
    State.RETURNED: frozenset({State.CLOSED}),
    State.LOST: frozenset({State.CLOSED}),
    State.KEPT: frozenset({State.CLOSED}),
    State.CLOSED: frozenset(),
    State.CANCELLED: frozenset(),
}

FIRST = frozenset({State.ENQUIRY, State.RESERVED})
