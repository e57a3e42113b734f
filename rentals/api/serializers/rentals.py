"""Rentals as the API shows them."""

from datetime import timedelta
from typing import Any

from django.db.backends.postgresql.psycopg_any import DateRange
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from patients.models import Injury
from rentals import ledger
from rentals.agreement import is_signed
from rentals.api.fields import Moment
from rentals.models import Discrepancy, Holding, LedgerEntry, Message, Priority, Reminder, Rental
from rentals.models.holdings import Delivery, Part
from rentals.models.states import State
from rentals.reconciliation.days import adherence

DAY = timedelta(days=1)


class Amount(serializers.DecimalField):
    """AUD with two decimals, as a text."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_digits=12, decimal_places=2, **kwargs)


class DeviceRef(serializers.Serializer):
    id = serializers.IntegerField()
    serial = serializers.CharField()


class DeviceOfRental(DeviceRef):
    """The device of a rental as `with_overview` found it; null while it has none."""

    id = serializers.IntegerField(source="device_id")
    serial = serializers.CharField(source="device_serial")

    def to_representation(self, instance: Any) -> Any:
        return super().to_representation(instance) if instance.device_id else None


class PriorityOut(serializers.ChoiceField):
    """How soon the patient needs a device while waiting for one."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__([priority.name.lower() for priority in Priority], **kwargs)

    def to_representation(self, value: Any) -> str:
        return Priority(value).name.lower()


class RentalRow(serializers.Serializer):
    """`device` is null while the reservation is at risk, and while the rental waits for one. With `offer_expires_at`
    the reservation is an offer to a waiting patient, held until then."""

    reference = serializers.CharField()
    external_reference = serializers.CharField(allow_blank=True)
    state = serializers.ChoiceField(State.choices)
    patient = serializers.IntegerField(source="patient_id")
    device = DeviceOfRental(source="*", allow_null=True)
    clinic = serializers.IntegerField(source="clinic_id")
    starts_on = serializers.DateField()
    due_on = serializers.DateField()
    overdue = serializers.BooleanField()
    at_risk = serializers.BooleanField()
    priority = PriorityOut()
    offer_expires_at = Moment(allow_null=True)


class IndicationOut(serializers.Serializer):
    kind = serializers.ChoiceField(Injury.Kind.choices)
    site = serializers.ChoiceField(Injury.Site.choices)
    note = serializers.CharField(allow_blank=True)


class AnswerOut(serializers.Serializer):
    answer = serializers.ChoiceField(["yes", "no"])
    note = serializers.CharField(required=False, allow_blank=True)


class Bond(serializers.Serializer):
    due = Amount()
    held = Amount()


class Healed(serializers.Serializer):
    on = serializers.DateField(source="healed_on")
    imaging = serializers.CharField(source="healed_imaging")


class AdherenceOut(serializers.Serializer):
    """Days; `percent` is done / (done + short + none), null when there is no such day."""

    done = serializers.IntegerField()
    short = serializers.IntegerField()
    none = serializers.IntegerField()
    unknown = serializers.IntegerField()
    paused = serializers.IntegerField()
    percent = serializers.FloatField(allow_null=True)


class EntryOut(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(LedgerEntry.Kind.choices)
    amount = Amount()
    method = serializers.ChoiceField(LedgerEntry.Method.choices, allow_blank=True)
    note = serializers.CharField(allow_blank=True)
    reverses = serializers.IntegerField(source="reverses_id", allow_null=True)
    at = Moment()


class LedgerOut(serializers.Serializer):
    """What the patient owes is positive."""

    entries = EntryOut(many=True)
    balance = Amount()


class ReminderOut(serializers.Serializer):
    kind = serializers.ChoiceField(Reminder.Kind.choices)
    occasion = serializers.CharField()
    channel = serializers.CharField()
    state = serializers.ChoiceField([("planned", "Planned"), *Message.State.choices], source="state_shown")
    due_at = Moment()
    sent_at = Moment(allow_null=True)
    why = serializers.CharField(source="why_shown", allow_blank=True)


class DiscrepancyOut(serializers.Serializer):
    id = serializers.IntegerField()
    kind = serializers.ChoiceField(Discrepancy.Kind.choices)
    state = serializers.ChoiceField(Discrepancy.State.choices)
    device = DeviceRef(allow_null=True)
    rental = serializers.SerializerMethodField()
    why = serializers.CharField()
    action = serializers.CharField()
    opened_at = Moment()

    def get_rental(self, discrepancy: Discrepancy) -> str | None:
        return discrepancy.rental.reference if discrepancy.rental else None


class DeliveryOut(serializers.Serializer):
    method = serializers.ChoiceField(Delivery.choices, source="delivery")
    tracking = serializers.CharField(allow_blank=True)


class Days(serializers.Serializer):
    """Local days, both included."""

    first = serializers.DateField()
    last = serializers.DateField()


class HoldingOut(serializers.Serializer):
    """One device held by the rental: the days it is blocked, and from when until when it was out."""

    device = DeviceRef(allow_null=True)
    live = serializers.BooleanField()
    blocked = serializers.SerializerMethodField()
    out_from = Moment(source="out.lower", allow_null=True, default=None)
    out_until = Moment(source="out.upper", allow_null=True, default=None)
    counter_out = serializers.IntegerField(allow_null=True)
    counter_back = serializers.IntegerField(allow_null=True)
    parts_out = serializers.ListField(child=serializers.ChoiceField(Part.choices))
    parts_back = serializers.ListField(child=serializers.ChoiceField(Part.choices))
    delivery = DeliveryOut(source="*")
    notes = serializers.CharField(allow_blank=True)

    @extend_schema_field(Days)
    def get_blocked(self, holding: Holding) -> dict[str, Any]:
        days: DateRange = holding.blocked
        return {"first": days.lower, "last": days.upper - DAY}


class ReasonGiven(serializers.CharField):
    """A reason; null, not an empty text, where none was given."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_null=True, **kwargs)

    def to_representation(self, value: str) -> Any:
        return value or None


class OverrideOut(serializers.Serializer):
    """The reasons given at the booking; null for a rule that was not overridden."""

    capacity = ReasonGiven(source="capacity_override")
    pathological = ReasonGiven(source="pathological_override")


class MoveOut(serializers.Serializer):
    """One verb done to the rental, and its state after it; `by` is a username, null where nobody is named."""

    verb = serializers.CharField()
    state = serializers.ChoiceField(State.choices, source="new_state")
    at = Moment()
    recorded_at = Moment()
    by = serializers.CharField(source="actor.username", allow_null=True)
    reason = serializers.CharField(allow_blank=True)


class RentalDetail(RentalRow):
    """Everything about a rental; of its patient only the id. `history` is in the order of recording."""

    planned_treatments = serializers.IntegerField()
    prescribed_per_day = serializers.IntegerField()
    indication = IndicationOut(source="injury", allow_null=True)
    screening = serializers.SerializerMethodField()
    pinned = serializers.BooleanField()
    accept_unknown_capacity = serializers.BooleanField(source="accepts_unknown_capacity")
    override = OverrideOut(source="*")
    terms_version = serializers.IntegerField(source="terms.version")
    bond = serializers.SerializerMethodField()
    signed = serializers.SerializerMethodField()
    handed_over_at = Moment(allow_null=True)
    healed = serializers.SerializerMethodField()
    returned_at = Moment(allow_null=True)
    ended_at = Moment(allow_null=True)
    adherence = serializers.SerializerMethodField()
    treatments = serializers.SerializerMethodField()
    ledger = serializers.SerializerMethodField()
    reminders = ReminderOut(many=True)
    discrepancies = DiscrepancyOut(many=True)
    holdings = HoldingOut(many=True)
    history = MoveOut(many=True, source="moves")

    @extend_schema_field(serializers.DictField(child=AnswerOut()))
    def get_screening(self, rental: Rental) -> dict[str, Any]:
        return rental.screening.answers if rental.screening else {}

    @extend_schema_field(Bond)
    def get_bond(self, rental: Rental) -> Any:
        return Bond({"due": ledger.bond_due(rental), "held": ledger.bond_held(rental)}).data

    def get_signed(self, rental: Rental) -> bool:
        return is_signed(rental)

    @extend_schema_field(Healed(allow_null=True))
    def get_healed(self, rental: Rental) -> Any:
        return Healed(rental).data if rental.healed_on else None

    @extend_schema_field(AdherenceOut)
    def get_adherence(self, rental: Rental) -> Any:
        return AdherenceOut(adherence(rental, self.context["now"])).data

    def get_treatments(self, rental: Rental) -> int:
        """The treatments that count for this rental."""
        return rental.treatments.sessions().count()

    @extend_schema_field(LedgerOut)
    def get_ledger(self, rental: Rental) -> Any:
        return LedgerOut({"entries": rental.ledger.all(), "balance": ledger.balance(rental)}).data
