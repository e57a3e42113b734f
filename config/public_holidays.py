"""The public holidays of a region, `AU-NSW` say, as the library `holidays` knows them."""

from collections.abc import Mapping
from datetime import date
from functools import lru_cache

from holidays import country_holidays

REGION_OF_ZONE = {
    "Australia/Sydney": "AU-NSW",
    "Australia/Melbourne": "AU-VIC",
    "Australia/Brisbane": "AU-QLD",
    "Australia/Adelaide": "AU-SA",
    "Australia/Perth": "AU-WA",
    "Australia/Hobart": "AU-TAS",
    "Australia/Darwin": "AU-NT",
    "Pacific/Auckland": "NZ-AUK",
}


@lru_cache(maxsize=512)
def public_holidays(region: str, year: int) -> Mapping[date, str]:
    """The public holidays of `region` in `year` by their English names, those observed on another day included.

    Kept whole and a year at a time: the library's own calendar fills itself while it is asked, which two threads
    must not do at once.
    """
    if not region:
        return {}
    country, _, part = region.partition("-")
    return dict(country_holidays(country, subdiv=part, years=year, expand=False, language=f"en_{country}"))
