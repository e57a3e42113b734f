"""What the verbs of a rental take. Shapes only: whether it may be done, the verb decides."""

from typing import Any

from rest_framework import serializers

from config.limits import LARGEST_NUMBER
from config.models import Clinic
from devices.models import Device
from devices.readings import LARGEST_COUNTER
from patients.models import Injury, Patient, Screening
from rentals.api.fields import Checks, Choice, Day, Input, Moment, Money, Text, VisibleField, Whole, YesNo
from rentals.ledger import PAYMENTS
from rentals.models import LedgerEntry
from rentals.models.holdings import Delivery, Part

LONGEST_NOTE = 2000
MOST_PARTS = 20
MOST_FEES = 50


class Counter(Whole):
    """What the screen shows."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=0, max_value=LARGEST_COUNTER, **kwargs)


class Planned(Whole):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_value=1, max_value=LARGEST_NUMBER, **kwargs)


class Parts(serializers.ListField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(child=Choice(Part.choices), max_length=MOST_PARTS, **kwargs)


class Note(Text):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=LONGEST_NOTE, allow_blank=True, **kwargs)


class Indication(Input):
    kind = Choice(Injury.Kind.choices)
    site = Choice(Injury.Site.choices)
    note = Note(required=False)


class ScreeningAnswer(Input):
    answer = Choice(["yes", "no"])
    note = Note(required=False)


class ScreeningAnswers(Input):
    """One answer a warning of the label; without all of them a booking is refused, `screening_required`."""

    def get_fields(self) -> dict[str, serializers.Field]:
        return {warning: ScreeningAnswer(required=False) for warning in Screening.Warning.values}


class Override(Input):
    """The reason of the one who may override: a manager for capacity, a clinician for a pathological fracture."""

    capacity = Text(required=False, max_length=LONGEST_NOTE)
    pathological = Text(required=False, max_length=LONGEST_NOTE)


class NewRental(Input):
    patient = VisibleField(queryset=Patient.objects.all())
    clinic = VisibleField(queryset=Clinic.objects.all())
    starts_on = Day()
    due_on = Day()
    planned_treatments = Planned()
    prescribed_per_day = Whole(min_value=1, max_value=6)
    indication = Indication()
    screening = ScreeningAnswers(default=dict)
    device = VisibleField(queryset=Device.objects.all(), required=False, default=None, allow_null=True)
    wait = YesNo(
        default=False, help_text="Where no device can be had, put the patient on the waiting list: 201, in `enquiry`."
    )
    delivery = Choice(
        Delivery.choices,
        default=Delivery.DESK,
        help_text="By courier, the device is blocked for the days of its way there and back too.",
    )
    pinned = YesNo(default=False)
    accept_unknown_capacity = YesNo(default=False)
    override = Override(default=dict)
    external_reference = Text(max_length=120, allow_blank=True, default="")


class Sign(Input):
    name = Text(max_length=240)
    accepted_terms_version = Whole(min_value=1, max_value=2**31 - 1)


class Payment(Input):
    kind = Choice(list(PAYMENTS))
    amount = Money()
    method = Choice(LedgerEntry.Method.choices)


class DeliveryIn(Input):
    method = Choice(Delivery.choices)
    tracking = Text(max_length=80, allow_blank=True, default="")


class HandOver(Input):
    counter = Counter()
    parts = Parts()
    delivery = DeliveryIn()
    at = Moment(required=False)


class Extend(Input):
    due_on = Day()
    planned_treatments = Planned(required=False)


class Swap(Input):
    counter_out = Counter()
    device = VisibleField(queryset=Device.objects.all())
    counter_in = Counter()
    at = Moment(required=False)


class ChangeDevice(Input):
    device = VisibleField(queryset=Device.objects.all())


class Pin(Input):
    pinned = YesNo()


class ConfirmHealed(Input):
    on = Day()
    imaging = Text(max_length=120)


class Return(Input):
    counter = Counter()
    parts = Parts()
    notes = Note(default="")
    at = Moment(required=False)


class Fee(Input):
    kind = Text(max_length=240)
    amount = Money()


class Inspect(Input):
    passed = YesNo()
    checks = Checks(default=dict)
    fees = serializers.ListField(child=Fee(), default=list, max_length=MOST_FEES)


class Reason(Input):
    reason = Text(max_length=LONGEST_NOTE)


class Kept(Reason):
    """Without a price none is charged for the device: a program has not shown it to anybody who would agree to it."""

    price = Money(required=False, help_text="Of the device, charged at once; left out, it is a fee of `inspect`.")
