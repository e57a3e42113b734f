"""Devices that will probably run out with their patients, while there is still time to swap them."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any

from config.models import Clinic
from devices.models import Device, remaining_treatments
from rentals.booking.availability import Need, search
from rentals.booking.capacity import needed_treatments
from rentals.models import Holding, Rental
from rentals.models.holdings import Delivery
from rentals.models.states import State
from rentals.overview import with_overview
from rentals.reconciliation.forecast import Forecast, forecasts_of

if TYPE_CHECKING:
    from rentals.overview import RentalInView

AHEAD = timedelta(days=14)
MOST_A_DAY = 6  # treatments; no more than that are prescribed


@dataclass(frozen=True)
class Proposal:
    """A rental whose device will probably not last, and another that could take its place (None: none was found)."""

    rental: "RentalInView"
    forecast: Forecast
    instead: Device | None


def swap_proposals(site: Clinic, at: datetime) -> list[Proposal]:
    """Who at `site` should get another device, the most pressing first, in a fixed number of queries.

    That is whose device may run out within the next fortnight and will probably not last until the due day.
    """
    out: Any = Holding.objects.filter(live=True, out__isnull=False, rental__clinic=site, rental__state=State.ACTIVE)
    near = out.filter(pk__in=near_the_end(out, site, at))
    holdings = {holding.device_id: holding for holding in near.annotate(needed=needed_treatments())}
    today = site.day_of(at)
    pressing = [one for one in forecasts_of(list(holdings), at).values() if is_pressing(one, today)]
    if not pressing:
        return []
    pressing.sort(key=lambda one: (one.earliest or today, one.device))
    rentals = with_overview(Rental.objects.filter(pk__in=[one.rental.pk for one in pressing]), at)
    shown = {rental.pk: rental for rental in rentals.select_related("patient", "clinic")}
    instead = replacements(site, [(one, holdings[one.device]) for one in pressing], at)
    return [Proposal(shown[one.rental.pk], one, instead.get(one.device)) for one in pressing]


def near_the_end(out: Any, site: Clinic, at: datetime) -> list[int]:
    """Of the holdings `out` (ids) those whose device could run out soon enough at `MOST_A_DAY` since it went out.

    Looked at first, for a forecast takes longer, and most devices have far more left.
    """
    until = at + AHEAD
    seen = out.filter(rental__due_on__gte=site.day_of(at)).annotate(left=remaining_treatments("device"))
    left = seen.filter(left__isnull=False).values_list("pk", "left", "out")
    return [pk for pk, remaining, span in left if remaining <= MOST_A_DAY * (until - span.lower).days]


def is_pressing(forecast: Forecast, today: date) -> bool:
    is_soon = forecast.earliest is not None and forecast.earliest <= today + AHEAD
    return is_soon and forecast.rental.due_on >= today and forecast.lasts_rental in ("hardly", "no")


def replacements(site: Clinic, pressing: list[tuple[Forecast, Any]], at: datetime) -> dict[int, Device]:
    """For each device (id) the smallest other one that has enough, none for two of them.

    Looked for at once: what is free for the longest of the rentals, and for anybody, is free for each of them. The
    page of the swap judges more closely.
    """
    until = max(forecast.rental.due_on for forecast, _ in pressing)
    by_courier = any(holding.delivery == Delivery.COURIER for _, holding in pressing)
    need = Need(site, site.day_of(at), until, treatments=1, courier=by_courier)
    free = {pk: treatments or 0 for pk, treatments in search(need, at).fitting.items()}
    chosen: dict[int, int] = {}
    for forecast, holding in pressing:
        enough = (pk for pk, treatments in free.items() if treatments >= holding.needed)
        if (best := next(enough, None)) is not None:
            chosen[forecast.device] = best
            del free[best]
    found = Device.objects.select_related("model").in_bulk(list(chosen.values()))
    return {device: found[pk] for device, pk in chosen.items()}
