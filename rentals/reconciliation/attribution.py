"""Which rental a treatment counts for: the one whose `out` holds its corrected time, or none (I6)."""

from collections.abc import Sequence

from rentals.reconciliation.sql import execute

# A join condition for `rentals_holding h`. Written with lower() and upper(), so that the btree on (device,
# lower(out)) can serve it and the GiST index of the constraint cannot be chosen (it is far slower).
HELD_BY = """
    h.device_id = {device} AND lower(h.out) <= {moment} AND (upper(h.out) IS NULL OR {moment} < upper(h.out))
"""


def attribute(device_ids: Sequence[int]) -> int:
    """Give each treatment of the devices the rental it counts for now; returns how many changed."""
    return execute(
        f"""
        UPDATE rentals_treatment t SET rental_id = now.rental_id
        FROM (
            SELECT t.id, h.rental_id
            FROM rentals_treatment t
            LEFT JOIN rentals_holding h ON {HELD_BY.format(device="t.device_id", moment="t.started_corrected")}
            WHERE t.device_id = ANY(%s)
        ) now
        WHERE now.id = t.id AND t.rental_id IS DISTINCT FROM now.rental_id
        """,
        [list(device_ids)],
    )
