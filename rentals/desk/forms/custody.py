"""Hand-over, return and inspection, as checklists."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from rentals.checklists import Answers, Kind, device_of
from rentals.custody import CHECKS
from rentals.deciding import live_holding
from rentals.desk.forms.care import MillilitresField, gel_of
from rentals.desk.forms.fields import AmountField, CounterField, DayField, MomentField, NoteField
from rentals.desk.forms.rental import BaseRentalForm
from rentals.missing_parts import expected_back, missing_after_return
from rentals.models.holdings import Delivery, Part

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

PARTS = [
    (Part.MAIN_UNIT, gettext_lazy("Main unit")),
    (Part.TRANSDUCER, gettext_lazy("Transducer")),
    (Part.CHARGER, gettext_lazy("Charger")),
    (Part.CARD, gettext_lazy("Treatment card")),
    (Part.CASE, gettext_lazy("Carry case")),
    (Part.STRAP, gettext_lazy("Strap (stays with the patient)")),
    (Part.CAP, gettext_lazy("Cap (stays with the patient)")),
    (Part.GEL, gettext_lazy("Gel (stays with the patient)")),
]
FEE_LINES = 3
CLEANING = ("cleaned", "single_patient_parts")  # of `CHECKS`; the others are about what the device does


@dataclass(frozen=True)
class Section:
    """One step of a checklist: its name in the page's address, its heading, its fields, those without which it is not
    done, and a template for what stands before the fields."""

    name: str
    title: "StrOrPromise"
    fields: tuple[str, ...] = ()
    needed: tuple[str, ...] = ()
    before: str = ""


@dataclass(frozen=True)
class Step:
    """A section as a form fills it: None where it needs nothing and has nothing."""

    section: Section
    fields: list[forms.BoundField]
    is_done: bool | None


PHOTOS = Section("photos", gettext_lazy("Photos"), before="rentals/desk/checklist_photos.html")


class BaseChecklistForm(forms.Form):
    """A form that is filled in step by step, and kept in between as it is."""

    sections: ClassVar[tuple[Section, ...]]

    def steps(self) -> Iterator[Step]:
        for section in self.sections:
            yield Step(section, [self[name] for name in section.fields if name in self.fields], self.is_done(section))

    def is_done(self, section: Section) -> bool | None:
        if section.needed:
            return all(is_answered(self[name]) for name in section.needed)
        return any(is_answered(self[name]) for name in section.fields if name in self.fields) or None

    def entered(self) -> Answers:
        """What stands in the fields, as the browser sends it."""
        return {name: as_sent(self[name].value()) for name in self.fields}


def is_answered(field: forms.BoundField) -> bool:
    """Whether something stands in the field; of a list of checks, whether each is ticked."""
    value = field.value()
    if isinstance(field.field, ChecklistField):
        return set(value or ()) >= set(CHECKS)
    return as_sent(value) not in ("", [])


def as_sent(value: Any) -> str | list[str]:
    """A value of a field as the browser sends it."""
    if isinstance(value, list | tuple):
        return [str(one) for one in value]
    if value is None or value is False:
        return ""
    return "on" if value is True else str(value)


class DeviceSeenField(forms.CharField):
    """The id of the device that the page was about when it was opened: another one by now is not what was read off."""

    def __init__(self) -> None:
        super().__init__(required=False, max_length=20, widget=forms.HiddenInput)


class PartsField(forms.MultipleChoiceField):
    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(choices=PARTS, **kwargs)


class HandOverForm(BaseChecklistForm, BaseRentalForm):
    sections = (
        Section(
            "reading",
            gettext_lazy("Device and screen"),
            ("counter",),
            ("counter",),
            "rentals/desk/checklist_reading.html",
        ),
        Section("parts", gettext_lazy("Parts"), ("parts", "gel_millilitres", "gel_expires_on"), ("parts",)),
        PHOTOS,
        Section("delivery", gettext_lazy("Delivery"), ("delivery", "tracking"), ("delivery",)),
        Section("use", gettext_lazy("How to use it"), ("shown_use", "shown_to"), ("shown_use",)),
        Section("confirm", gettext_lazy("Confirm"), ("at",)),
    )

    device = DeviceSeenField()
    counter = CounterField(
        label=gettext_lazy("Counter on the screen"), help_text=gettext_lazy("Switch the device on and read it off.")
    )
    parts = PartsField(label=gettext_lazy("Parts given to the patient"))
    delivery = forms.ChoiceField(choices=Delivery.choices, initial=Delivery.DESK, label=gettext_lazy("Delivery"))
    tracking = forms.CharField(
        required=False, max_length=80, label=gettext_lazy("Tracking number"), help_text=gettext_lazy("For a courier.")
    )
    gel_millilitres = MillilitresField(required=False, help_text=gettext_lazy("Where gel is among the parts."))
    gel_expires_on = DayField(
        required=False, label=gettext_lazy("Gel good until"), help_text=gettext_lazy("Where the bottle says so.")
    )
    shown_use = forms.BooleanField(required=False, label=gettext_lazy("Whoever will use it was shown how"))
    shown_to = forms.CharField(
        required=False, max_length=120, label=gettext_lazy("Who was shown it, where not the patient")
    )
    at = MomentField()

    def proposed(self) -> dict[str, Any]:
        return {"device": device_of(Kind.HAND_OVER, self.rental)}

    def clean(self) -> dict[str, Any]:
        """What the verb takes; what is only for the checklist stays with it."""
        given = super().clean() or {}
        gel = gel_of(given)
        of_the_checklist = ("device", "shown_use", "shown_to")
        return {**{name: value for name, value in given.items() if name not in of_the_checklist}, "gel": gel}


class ReturnForm(BaseChecklistForm, BaseRentalForm):
    sections = (
        Section("condition", gettext_lazy("Condition"), ("notes",)),
        Section("parts", gettext_lazy("Parts"), ("parts",), ("parts",), "rentals/desk/checklist_missing.html"),
        Section("reading", gettext_lazy("Screen"), ("counter",), ("counter",), "rentals/desk/checklist_reading.html"),
        PHOTOS,
        Section("confirm", gettext_lazy("Confirm"), ("at",)),
    )

    device = DeviceSeenField()
    counter = CounterField(
        label=gettext_lazy("Counter on the screen"), help_text=gettext_lazy("Switch the device on and read it off.")
    )
    parts = PartsField(required=False, label=gettext_lazy("Parts that came back"))
    notes = NoteField(required=False, label=gettext_lazy("Condition, damage, anything missing"))
    at = MomentField()

    def proposed(self) -> dict[str, Any]:
        """What went out is expected back; what is missing is unticked."""
        return {"device": device_of(Kind.TAKE_BACK, self.rental), "parts": expected_back(self.given_out())}

    def given_out(self) -> list[str]:
        """The parts that the patient was given."""
        holding = live_holding(self.rental)
        return holding.parts_out if holding else []

    def clean(self) -> dict[str, Any]:
        given = super().clean() or {}
        return {name: value for name, value in given.items() if name != "device"}


class ChecklistField(forms.MultipleChoiceField):
    """What was looked at, as a device's inspection keeps it: each check with yes or no."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, **kwargs: Any) -> None:
        cleaning = [(check, words) for check, words in CHECKS.items() if check in CLEANING]
        working = [(check, words) for check, words in CHECKS.items() if check not in CLEANING]
        choices = [(gettext_lazy("Cleaning"), cleaning), (gettext_lazy("Function"), working)]
        super().__init__(choices=choices, required=False, label=gettext_lazy("Looked at and found right"), **kwargs)

    def clean(self, value: Any) -> dict[str, bool]:
        ticked = super().clean(value)
        return {check: check in ticked for check in CHECKS}


class InspectionForm(BaseChecklistForm):
    """The inspection of one device."""

    sections: ClassVar[tuple[Section, ...]] = (
        Section("checks", gettext_lazy("Cleaning and function"), ("checks",), ("checks",)),
        PHOTOS,
        Section("verdict", gettext_lazy("Verdict"), ("passed",), ("passed",)),
    )

    checks = ChecklistField()
    passed = forms.TypedChoiceField(
        choices=[("yes", gettext_lazy("Ready for the next patient")), ("no", gettext_lazy("Goes to repair"))],
        coerce=lambda value: value == "yes",
        widget=forms.RadioSelect,
        label=gettext_lazy("Verdict"),
    )


class SettleForm(BaseChecklistForm, BaseRentalForm):
    """The fees that are charged before the bond is settled: a few lines of what for and how much."""

    sections: ClassVar[tuple[Section, ...]] = (
        Section("fees", gettext_lazy("Fees"), before="rentals/desk/checklist_fees.html"),
    )

    def __init__(self, *data: Any, **kwargs: Any) -> None:
        super().__init__(*data, **kwargs)
        proposed = sum(1 for name in self.initial if name.startswith("fee_"))
        self.lines = max(FEE_LINES, proposed + 1)
        for line in range(1, self.lines + 1):
            what, amount = _("Fee %(line)s: for"), _("Amount %(line)s (AUD)")
            named = {"line": line}
            self.fields[f"fee_{line}"] = forms.CharField(required=False, max_length=240, label=what % named)
            self.fields[f"amount_{line}"] = AmountField(required=False, label=amount % named)

    def fee_lines(self) -> list[tuple[Any, Any]]:
        """What for and how much, as bound fields."""
        return [(self[f"fee_{line}"], self[f"amount_{line}"]) for line in range(1, self.lines + 1)]

    def clean(self) -> dict[str, Any]:
        """The form's entries, with the lines as `fees`."""
        given = super().clean() or {}
        fees: list[dict[str, str | Decimal]] = []
        for line in range(1, self.lines + 1):
            what, amount = given.pop(f"fee_{line}", ""), given.pop(f"amount_{line}", None)
            if bool(what) != bool(amount):
                missing = f"amount_{line}" if what else f"fee_{line}"
                self.add_error(missing, _("A fee needs both: what it is for, and an amount above zero."))
            elif what and amount:
                fees.append({"kind": what, "amount": amount})
        return {**given, "fees": fees}


class InspectAndSettleForm(SettleForm, InspectionForm):
    """For a device that came back: the inspection, the fees, then the bond."""

    sections = (*InspectionForm.sections[:-1], *SettleForm.sections, InspectionForm.sections[-1])
    field_order = ("checks", "passed")

    device = DeviceSeenField()

    def proposed(self) -> dict[str, Any]:
        """A fee for each part that went out and did not come back."""
        proposed: dict[str, Any] = {"device": device_of(Kind.INSPECTION, self.rental)}
        for line, missing in enumerate(missing_after_return(self.rental), start=1):
            proposed |= {f"fee_{line}": missing.kind, f"amount_{line}": missing.fee}
        return proposed

    def clean(self) -> dict[str, Any]:
        given = super().clean()
        return {name: value for name, value in given.items() if name != "device"}
