"""The corrected time of what a device logged.

The known good moment is the read-out, where the true time and the device's clock were seen together.
"""

# Seconds to add to a device time of a read-out to get UTC, NULL where its clock was not seen. Constant for
# the read-out: a device shows standard time all year, so the clinic's daylight saving plays no part.
READ_OUT_OFFSET = "round(extract(epoch FROM (read_out_at AT TIME ZONE 'UTC') - device_clock))::integer"

# The offset of one session or pause. Without the device's clock its time is taken for the clinic's local time.
OFFSET = """
    coalesce(
        {read_out}.offset_seconds,
        extract(epoch FROM ({time} AT TIME ZONE {read_out}.time_zone) AT TIME ZONE 'UTC' - {time})::integer
    )
"""


def offset(read_out: str, time: str) -> str:
    """SQL for the seconds between the device time `time` and UTC; `read_out` has offset_seconds and time_zone."""
    return OFFSET.format(read_out=read_out, time=time)


# Whether the clock at the read-out `o` of the clinic `c` is 15 minutes or more from both its local and its standard
# time. Standard is the smaller of the year's offsets: daylight saving only ever adds.
_JANUARY, _JULY = (
    f"date_trunc('year', o.read_out_at AT TIME ZONE 'UTC') + interval '{months} months'" for months in (0, 6)
)
_STANDARD = " , ".join(f"(({day}) AT TIME ZONE 'UTC' AT TIME ZONE c.time_zone) - ({day})" for day in (_JANUARY, _JULY))
IN_DOUBT = f"""(
    abs(extract(epoch FROM (o.read_out_at AT TIME ZONE c.time_zone) - o.device_clock)) >= 900
    AND abs(extract(epoch FROM (o.read_out_at AT TIME ZONE 'UTC') + least({_STANDARD}) - o.device_clock)) >= 900
)"""

# The latest word of a person on a read-out; its offset is NULL where Callus is to work it out again.
LATEST_RULING = """
    SELECT offset_seconds FROM rentals_clockruling WHERE read_out_id = {read_out} ORDER BY at DESC, id DESC LIMIT 1
"""
