"""Columns for what a device's own clock says."""

from typing import Any

from django.db import models


class DeviceTimeField(models.Field):
    """A moment as the device showed it: local, without a zone, `timestamp` in the database.

    Kept apart from `DateTimeField` on purpose: such a time must never be taken for a true moment.
    """

    def db_type(self, connection: Any) -> str:
        return "timestamp without time zone"

    def value_to_string(self, obj: models.Model) -> str:
        value = self.value_from_object(obj)
        return "" if value is None else str(value)
