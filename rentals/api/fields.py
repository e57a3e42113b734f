"""Fields that take only what they name: no text for a number, no number for a text, no time without its offset."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from django.db.models import QuerySet
from django.utils.text import format_lazy
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from config.limits import FIRST_DAY, LAST_DAY
from config.models import Clinic
from devices.models import DeviceModel

LARGEST_ID = 2**63 - 1


def unknown_field(known: Iterable[str]) -> ErrorDetail:
    """What is said about a name that stands nowhere in the documentation."""
    names = ", ".join(sorted(known))
    words = _("Unknown here; known: %(names)s.") % {"names": names} if names else _("Nothing is expected here.")
    return ErrorDetail(words, "unknown_field")


class Input(serializers.Serializer):
    """What a request carries; a field that nobody knows is named, not passed over."""

    def to_internal_value(self, data: Any) -> Any:
        problems: dict[str, Any] = {}
        if isinstance(data, Mapping):
            problems = {str(name): [unknown_field(self.fields)] for name in data if name not in self.fields}
        try:
            value = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError({**problems, **error.detail}) from error  # type: ignore[dict-item]
        if problems:
            raise ValidationError(problems)
        return value


class Text(serializers.CharField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        return super().to_internal_value(data)


class Whole(serializers.IntegerField):
    def to_internal_value(self, data: Any) -> int:
        if type(data) is not int:
            self.fail("invalid")
        return data


class YesNo(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("invalid", input=data)
        return data


class Choice(serializers.ChoiceField):
    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid_choice", input=data)
        return super().to_internal_value(data)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "pattern": r"^\d{1,5}(\.\d{1,2})?$"},
            {"type": "number", "minimum": 0, "maximum": 99999.99, "multipleOf": 0.01},
        ],
        "description": "AUD, two decimals.",
        "examples": ["120.00"],
    }
)
class Money(serializers.DecimalField):
    """AUD, up to 99999.99; answered as a text, taken as a text or a number."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=7, decimal_places=2, min_value=0, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool):
            self.fail("invalid")
        return super().to_internal_value(data)


class Day(serializers.DateField):
    """A local day of the clinic."""

    default_error_messages = {
        "out_of_reach": format_lazy(gettext_lazy("Write a day from {first} to {last}."), first=FIRST_DAY, last=LAST_DAY)
    }

    def to_internal_value(self, value: Any) -> date:
        day = super().to_internal_value(value)
        if not FIRST_DAY <= day <= LAST_DAY:
            self.fail("out_of_reach")
        return day


class Moment(serializers.DateTimeField):
    """A true moment, with its offset."""

    default_error_messages = {
        "no_offset": gettext_lazy("Write the time with its offset, like 2026-03-02T09:30:00+11:00."),
        "out_of_reach": format_lazy(
            gettext_lazy("Write a time from {first} to {last}."), first=FIRST_DAY.year, last=LAST_DAY.year
        ),
    }

    def enforce_timezone(self, value: datetime) -> datetime:
        if value.tzinfo is None:
            self.fail("no_offset")
        if not FIRST_DAY.year < value.year <= LAST_DAY.year:
            self.fail("out_of_reach")
        return value.astimezone(UTC)

    def to_representation(self, value: Any) -> Any:
        return value and value.astimezone(UTC).isoformat().replace("+00:00", "Z")


class VisibleField(serializers.PrimaryKeyRelatedField):
    """An id of something that the user may see; another clinic's and nobody's id read alike."""

    default_error_messages = {
        "does_not_exist": gettext_lazy("There is no {pk_value} here, or not for you; the lists have the ids.")
    }

    def __init__(self, *, queryset: Any, **kwargs: Any) -> None:
        kwargs.setdefault("pk_field", Whole(min_value=1, max_value=LARGEST_ID))
        super().__init__(queryset=queryset, **kwargs)
        self.rows = queryset

    def get_queryset(self) -> QuerySet[Any]:
        user = self.context["request"].user
        return user.visible_clinics() if self.rows.model is Clinic else self.rows.visible_to(user)


class PartNumber(serializers.SlugRelatedField):
    """The part number of a device model that is known here."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(slug_field="part_number", queryset=DeviceModel.objects.all(), **kwargs)

    def to_internal_value(self, data: Any) -> DeviceModel:
        return super().to_internal_value(Text(max_length=40).run_validation(data))


class Checks(serializers.DictField):
    """Free answers of a checklist, by name."""

    default_error_messages = {
        "too_long": gettext_lazy("This is too long to be a checklist; write a summary."),
        "unstorable": gettext_lazy("NUL characters cannot be stored; leave them out."),
    }
    LONGEST = 10_000

    def to_internal_value(self, data: Any) -> Any:
        checks = super().to_internal_value(data)
        written = json.dumps(checks)
        if len(written) > self.LONGEST:
            self.fail("too_long")
        if has_nul(checks):
            self.fail("unstorable")
        return checks


def has_nul(value: Any) -> bool:
    """Whether some text in `value` holds a NUL, which PostgreSQL stores nowhere."""
    if isinstance(value, dict):
        return any(has_nul(part) for pair in value.items() for part in pair)
    if isinstance(value, list):
        return any(map(has_nul, value))
    return isinstance(value, str) and "\0" in value
