"""The last stock-take of the demo clinic: one device not found, and a label that nobody knows."""

from datetime import timedelta

from rentals import stock_take
from rentals.demo.scenes import Scenes
from rentals.demo.sites import Site

COUNTED = -4  # days from today
LABEL_OF_NOBODY = "0615007777"


def counted(site: Site) -> Scenes:
    """Reception scans what is on the shelves after closing; what to do about the rest is left to the manager."""
    yield (at := site.at(site.today + timedelta(days=COUNTED), 17, 40))
    count = stock_take.start(site.clinic, at=at, actor=site.staff.reception)
    *found, _ = stock_take.expected_at(site.clinic, at)
    for number, code in enumerate([*(device.serial for device in found), LABEL_OF_NOBODY]):
        at += timedelta(seconds=12 + number % 5)
        stock_take.scan(count, code, at=at, actor=site.staff.reception)
    stock_take.end(count, missing_accepted=True, at=at + timedelta(minutes=6), actor=site.staff.reception)
