"""How much waits, for the menu of every page: counted in one statement."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Count, IntegerField, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from config.models import Clinic
from rentals.models import Discrepancy, Holding, Message, Rental, StaffTask
from rentals.models.states import State


def counts_of(site: Clinic, sites: Sequence[Clinic], at: datetime) -> dict[str, int]:
    """What waits at `site` at the moment `at`, by what it is; tasks are those of all `sites`, as on their own page."""
    waits: dict[str, QuerySet] = {
        "tasks": StaffTask.objects.filter(clinic__in=sites, due_at__lte=at).open(),
        "at_risk": Holding.objects.filter(
            live=True, device=None, rental__clinic=site, rental__state=State.RESERVED, out=None
        ),
        "overdue": Rental.objects.filter(clinic=site, state=State.ACTIVE, due_on__lt=site.day_of(at)),
        "messages": Message.objects.to_decide().filter(patient__clinic=site),
        "discrepancies": Discrepancy.objects.filter(clinic=site, state=Discrepancy.State.OPEN),
    }
    numbers = [number_of(rows) for rows in waits.values()]
    return dict(zip(waits, Clinic.objects.filter(pk=site.pk).values_list(*numbers).get(), strict=True))


def number_of(rows: QuerySet) -> Coalesce:
    """How many `rows` there are, as part of another statement."""
    one_group = rows.order_by().annotate(together=Value(1)).values("together").annotate(number=Count("pk"))
    return Coalesce(Subquery(one_group.values("number"), output_field=IntegerField()), 0)
