"""The desk's clock stands still at `make.NOW`, a Monday noon, so that no test depends on the day it runs."""

from collections.abc import Iterator

import pytest
import time_machine

from tests import make


@pytest.fixture(scope="module", autouse=True)
def _clock_of_what_is_shared() -> Iterator[None]:
    with time_machine.travel(make.NOW, tick=False):
        yield


@pytest.fixture(autouse=True)
def clock() -> Iterator[time_machine.Traveller]:
    with time_machine.travel(make.NOW, tick=False) as traveller:
        yield traveller
