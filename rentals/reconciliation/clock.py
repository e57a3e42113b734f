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


# How far the clock at the read-out `o` of the clinic `c` is ahead, in seconds, of the clinic's local and of its
# standard time. Standard is the smaller of the year's offsets: daylight saving only ever adds.
_JANUARY, _JULY = (
    f"date_trunc('year', o.read_out_at AT TIME ZONE 'UTC') + interval '{months} months'" for months in (0, 6)
)
_STANDARD = " , ".join(f"(({day}) AT TIME ZONE 'UTC' AT TIME ZONE c.time_zone) - ({day})" for day in (_JANUARY, _JULY))
OF_LOCAL = "extract(epoch FROM o.device_clock - (o.read_out_at AT TIME ZONE c.time_zone))::integer"
OF_STANDARD = f"extract(epoch FROM o.device_clock - (o.read_out_at AT TIME ZONE 'UTC') - least({_STANDARD}))::integer"

# In doubt is what is 15 minutes or more from both.
DOUBTFUL = 900
# What a clock that was set otherwise right may have drifted.
CLOSE = 300

# What somebody did who set a clock that is `standard` seconds ahead of standard and `local` of local time. The time of
# the day tells: wrong by half hours it was set in another zone, and right on another day its date was set wrongly.
WHAT_IS_WRONG = f"""
    SELECT CASE
        WHEN abs(standard) <= 14 * 3600 AND abs(standard - 1800 * round(standard / 1800.0)) <= {CLOSE}
            THEN 'a wrong zone, by ' || long
        WHEN abs(standard - 86400 * round(standard / 86400.0)) >= {DOUBTFUL}
            AND abs(local - 86400 * round(local / 86400.0)) >= {DOUBTFUL} THEN 'a wrong time, by ' || long
        WHEN days < 28 THEN format('a wrong day, by %%s day%%s', days, CASE WHEN days > 1 THEN 's' ELSE '' END)
        WHEN months BETWEEN 1 AND 11 AND abs(days - months * 30.44) <= 2.5
            THEN format('a wrong month, by %%s month%%s', months, CASE WHEN months > 1 THEN 's' ELSE '' END)
        WHEN abs(days - years * 365.25) <= 1
            THEN format('a wrong year, by %%s year%%s', years, CASE WHEN years > 1 THEN 's' ELSE '' END)
        ELSE format('a wrong date, by %%s days', days)
    END AS wrong
    FROM (
        SELECT *, round(days / 30.44) AS months, round(days / 365.25) AS years, concat_ws(' ',
            CASE WHEN minutes >= 1440 THEN minutes / 1440 || ' d' END,
            CASE WHEN minutes %% 1440 >= 60 THEN minutes %% 1440 / 60 || ' h' END,
            CASE WHEN minutes %% 60 > 0 THEN minutes %% 60 || ' min' END) AS long
        FROM (
            SELECT standard, local, abs(round(standard / 86400.0))::integer AS days,
                round(abs(standard) / 60.0)::integer AS minutes
            FROM (SELECT {OF_STANDARD} AS standard, {OF_LOCAL} AS local) ahead
        ) counted
    ) told
    WHERE least(abs(standard), abs(local)) >= {DOUBTFUL}
"""

# The latest word of a person on a read-out; its offset is NULL where Callus is to work it out again.
LATEST_RULING = """
    SELECT offset_seconds FROM rentals_clockruling WHERE read_out_id = {read_out} ORDER BY at DESC, id DESC LIMIT 1
"""
