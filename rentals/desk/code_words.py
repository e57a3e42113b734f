"""Our codes in words (`stress_fatigue`), as the reader's language has them: for a code that comes without its choices.

A word of other languages stands here as it does within a sentence; `spoken` begins it with a capital.
"""

from typing import TYPE_CHECKING

from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

CONDITIONS: "dict[str, StrOrPromise]" = {
    "ready": _("Ready"),
    "quarantine": _("Quarantine"),
    "repair": _("Repair"),
    "recalled": _("Recalled"),
    "lost": _("Lost"),
    "sold": _("Sold"),
    "retired": _("Retired"),
}
AVAILABILITIES: "dict[str, StrOrPromise]" = {
    "available": _("Available"),
    "reserved": _("Reserved"),
    "out": pgettext_lazy("a device", "Out"),
    "overdue": _("Overdue"),
    "unavailable": _("Unavailable"),
}
STATES: "dict[str, StrOrPromise]" = {
    "enquiry": _("Enquiry"),
    "reserved": _("Reserved"),
    "active": pgettext_lazy("a rental", "Active"),
    "returned": _("Returned"),
    "lost": _("Lost"),
    "kept": _("Kept"),
    "closed": pgettext_lazy("a rental", "Closed"),
    "cancelled": _("Cancelled"),
}
INJURIES: "dict[str, StrOrPromise]" = {
    "stress_fatigue": _("Stress fatigue"),
    "stress_insufficiency": _("Stress insufficiency"),
    "fresh": pgettext_lazy("a fracture", "Fresh"),
    "delayed_union": _("Delayed union"),
    "non_union": _("Non union"),
    "pathological": _("Pathological"),
    "femoral_neck": _("Femoral neck"),
    "anterior_tibia": _("Anterior tibia"),
    "tibia": _("Tibia"),
    "fibula": _("Fibula"),
    "navicular": _("Navicular"),
    "talus": _("Talus"),
    "medial_malleolus": _("Medial malleolus"),
    "calcaneus": _("Calcaneus"),
    "metatarsal": _("Metatarsal"),
    "fifth_metatarsal": _("Fifth metatarsal"),
    "sesamoid": _("Sesamoid"),
    "patella": _("Patella"),
    "pubic_ramus": _("Pubic ramus"),
    "sacrum": _("Sacrum"),
    "acetabulum": _("Acetabulum"),
    "spine": _("Spine"),
    "radius": _("Radius"),
    "humerus": _("Humerus"),
    "other": _("Other"),
}
PARTS: "dict[str, StrOrPromise]" = {
    "main_unit": _("Main unit"),
    "transducer": _("Transducer"),
    "charger": _("Charger"),
    "card": _("Card"),
    "case": _("Case"),
    "strap": _("Strap"),
    "cap": _("Cap"),
    "gel": _("Gel"),
}
ENTRIES: "dict[str, StrOrPromise]" = {
    "hire": _("Hire"),
    "late_fee": _("Late fee"),
    "fee": _("Fee"),
    "purchase": _("Purchase"),
    "hire_credit": _("Hire credit"),
    "hire_payment": _("Hire payment"),
    "fee_payment": _("Fee payment"),
    "bond_payment": _("Bond payment"),
    "bond_held": _("Bond held"),
    "bond_applied": _("Bond applied"),
    "refund_due": _("Refund due"),
    "refund": _("Refund"),
    "reversal": _("Reversal"),
}
DISCREPANCIES: "dict[str, StrOrPromise]" = {
    "counter_down": _("Counter down"),
    "counter_jump": _("Counter jump"),
    "counter_log_mismatch": _("Counter log mismatch"),
    "log_missing": _("Log missing"),
    "usage_outside_rental": _("Usage outside rental"),
    "over_prescribed": _("Over prescribed"),
    "clock_in_doubt": _("Clock in doubt"),
    "conflicting_duplicate": _("Conflicting duplicate"),
    "unknown_device": _("Unknown device"),
    "past_nominal": _("Past nominal"),
    "silent_device": _("Silent device"),
    "explained": _("Explained"),
    "corrected": _("Corrected"),
    "accepted": pgettext_lazy("a discrepancy", "Accepted"),
    "mistaken": _("Mistaken"),
}
READINGS: "dict[str, StrOrPromise]" = {
    "first": pgettext_lazy("a reading or an allowance", "First"),
    "desk": pgettext_lazy("where something is done", "Desk"),
    "hand_over": _("Hand over"),
    "return": pgettext_lazy("of a device", "Return"),
    "read_out": _("Read out"),
    "replaced_unit": _("Replaced unit"),
    "reset": pgettext_lazy("of a counter", "Reset"),
}
CHECKS: "dict[str, StrOrPromise]" = {
    "cleaned": _("Cleaned"),
    "output": pgettext_lazy("what is inspected", "Output"),
    "cable": pgettext_lazy("what is inspected", "Cable"),
    "clock": pgettext_lazy("what is inspected", "Clock"),
    "single_patient_parts": _("Single patient parts"),
}
WORDS: "dict[str, StrOrPromise]" = {
    **CONDITIONS,
    **AVAILABILITIES,
    **STATES,
    **INJURIES,
    **PARTS,
    **ENTRIES,
    **DISCREPANCIES,
    **READINGS,
    **CHECKS,
}


def code_words(code: str) -> str:
    """The words of `code`, with a capital; of one that is not ours, the code itself without its underscores."""
    known = WORDS.get(str(code))
    return capfirst(str(known)) if known else str(code).replace("_", " ").capitalize()
