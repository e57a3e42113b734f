"""Taking the sign-off for reuse of a model back, with what was booked under it (I3)."""

from datetime import datetime

from config.models import Clinic, User
from devices.models import DeviceModel
from devices.models_setup import withdraw_reuse
from rentals.booking.replan import Repaired, lock_sites, repair
from rentals.deciding import deciding


def withdraw_and_replan(model: DeviceModel, *, at: datetime, actor: User) -> list[Repaired]:
    """Withdraw the sign-off; reservations on units that had somebody else move, or are at risk, at every site.

    Who has a unit keeps it. Raises `not_signed_off`.
    """
    with deciding():
        sites = list(Clinic.objects.filter(devices__model=model).distinct().order_by("pk"))
        lock_sites(sites)
        withdraw_reuse(model)
        cause = f"reuse of {model} is not signed off any more"
        return [repair(site, cause=cause, at=at, actor=actor) for site in sites]
