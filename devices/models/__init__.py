from devices.models.units import (
    Allowance,
    Device,
    DeviceModel,
    DeviceQuerySet,
    Reading,
    ReadOut,
    remaining_treatments,
    used_treatments,
)
from devices.models.upkeep import ConditionChange, Expense, Inspection, Recall, Transfer

__all__ = [
    "Allowance",
    "ConditionChange",
    "Device",
    "DeviceModel",
    "DeviceQuerySet",
    "Expense",
    "Inspection",
    "ReadOut",
    "Reading",
    "Recall",
    "Transfer",
    "remaining_treatments",
    "used_treatments",
]
