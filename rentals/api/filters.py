"""What the lists can be narrowed down by; a value that means nothing is a 400."""

from typing import Any

from django import forms
from django.db.models import F, OrderBy, QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field

from devices.models import Device
from rentals.api.fields import LARGEST_ID
from rentals.booking.capacity import AVAILABILITIES
from rentals.models import Discrepancy, Rental
from rentals.models.states import State
from rentals.overview import found_by, that_held

LONGEST_SEARCH = 40


class WholeFilter(filters.Filter):
    """A whole number from `least` on."""

    field_class = forms.IntegerField

    def __init__(self, *, least: int = 1, **kwargs: Any) -> None:
        super().__init__(min_value=least, max_value=LARGEST_ID, **kwargs)
        extend_schema_field({"type": "integer", "minimum": least, "maximum": LARGEST_ID})(self)


class TextFilter(filters.CharFilter):
    """A text of at most `longest` characters."""

    def __init__(self, *, longest: int = LONGEST_SEARCH, **kwargs: Any) -> None:
        super().__init__(max_length=longest, **kwargs)
        extend_schema_field({"type": "string", "minLength": 1, "maxLength": longest})(self)


@extend_schema_field(OpenApiTypes.BOOL)
class YesNoFilter(filters.TypedChoiceFilter):
    """`true` or `false`; the usual filter takes anything else for "do not filter"."""

    def __init__(self, **kwargs: Any) -> None:
        values = [("true", "true"), ("false", "false")]
        super().__init__(choices=values, coerce=lambda value: value == "true", **kwargs)


class DeviceOrder(filters.OrderingFilter):
    """By one or more columns; what is unknown comes last, and equal ones by serial, so that pages never overlap."""

    def filter(self, qs: QuerySet[Any], value: Any) -> QuerySet[Any]:
        if not value:
            return qs
        wanted = [self.get_ordering_value(name) for name in value]
        return qs.order_by(*map(ordered, wanted), "serial", "pk")


def ordered(name: str) -> OrderBy:
    return F(name.lstrip("-")).desc(nulls_last=True) if name.startswith("-") else F(name).asc(nulls_last=True)


class DeviceFilter(filters.FilterSet):
    clinic = WholeFilter()
    condition = filters.ChoiceFilter(choices=Device.Condition.choices)
    availability = filters.ChoiceFilter(choices=[(name, name) for name in AVAILABILITIES])
    min_free = WholeFilter(field_name="free_treatments", lookup_expr="gte", least=0)
    search = TextFilter(field_name="serial", lookup_expr="icontains")
    ordering = DeviceOrder(fields=["serial", "free_treatments", "remaining_treatments", "last_reading_at", "condition"])

    class Meta:
        model = Device
        fields: list[str] = []


class RentalFilter(filters.FilterSet):
    state = filters.ChoiceFilter(choices=State.choices)
    clinic = WholeFilter()
    patient = WholeFilter()
    device = WholeFilter(method="filter_device")
    external_reference = TextFilter(longest=120)
    search = TextFilter(method="filter_search")
    overdue = YesNoFilter()
    at_risk = YesNoFilter()

    class Meta:
        model = Rental
        fields: list[str] = []

    def filter_device(self, rentals: Any, name: str, value: int) -> Any:
        return that_held(rentals, value)

    def filter_search(self, rentals: Any, name: str, value: str) -> Any:
        return found_by(rentals, value)


class DiscrepancyFilter(filters.FilterSet):
    state = filters.ChoiceFilter(choices=Discrepancy.State.choices)
    kind = filters.ChoiceFilter(choices=Discrepancy.Kind.choices)
    device = WholeFilter()
    rental = TextFilter(field_name="rental__reference", longest=12)

    class Meta:
        model = Discrepancy
        fields: list[str] = []
