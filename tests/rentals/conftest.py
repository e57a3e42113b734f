"""Hires that a module's tests share: each of a clinic of its own, with a device that has done nothing before."""

from rentals.models import Rental
from tests import make
from tests.shared import shared


@shared
def reserved() -> Rental:
    return make.rental("reserved")


@shared
def active() -> Rental:
    return make.rental("active")


@shared
def returned() -> Rental:
    return make.rental("returned")


@shared
def closed() -> Rental:
    return make.rental("closed")


@shared
def lost() -> Rental:
    return make.rental("lost")
