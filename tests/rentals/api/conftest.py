"""A clinic for tests at the real time, whatever weekday that is."""

import pytest

from config.models import Clinic, OpeningHours
from tests import make
from tests.rentals.api.client import Api


@pytest.fixture
def clinic() -> Clinic:
    """A clinic that is open on Sundays too."""
    clinic = make.clinic()
    OpeningHours.objects.create(clinic=clinic, weekday=6)
    return clinic


@pytest.fixture
def api(clinic: Clinic) -> Api:
    """The API for a manager of that clinic."""
    return Api(make.manager(clinic))
