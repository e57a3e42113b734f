"""What a module shares is made once, and what a test does to it is seen by no other."""

import pytest

from config.models import Clinic
from rentals.models import Rental
from tests import make
from tests.shared import shared

made: list[str] = []


@shared
def clinic() -> Clinic:
    made.append("clinic")
    return make.clinic("Shared")


@shared
def rental(clinic) -> Rental:
    made.append("rental")
    return make.rental("reserved", clinic)


@pytest.mark.parametrize("time", [1, 2])
def test_is_as_it_was_made_whatever_another_test_did_to_it(clinic, rental, time):
    assert made == ["clinic", "rental"]
    assert Clinic.objects.get() == clinic == rental.clinic
    assert rental.clinic is clinic
    assert clinic.name == Clinic.objects.get().name == "Shared"
    clinic.name = "Changed"
    clinic.save()
    rental.state = "active"


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("time", [1, 2])
def test_real_transactions_find_an_empty_database(time):
    """Also after a test with real transactions, whatever the rows it wrote are guarded by."""
    assert not Clinic.objects.exists()
    assert not Rental.objects.exists()
    make.rental("closed")
