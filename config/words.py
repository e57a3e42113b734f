"""Words of choices and numbers as they stand within a sentence, in the language that is being spoken."""

from typing import TYPE_CHECKING

from django.utils.formats import number_format
from django.utils.translation import get_language

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def in_sentence(label: "StrOrPromise") -> str:
    """`label` as it stands within a sentence: English writes it small there, German leaves its nouns as they are."""
    words = str(label)
    return words.lower() if (get_language() or "en").startswith("en") else words


def grouped(number: int) -> str:
    """`12,345`."""
    return number_format(number, use_l10n=True, force_grouping=True)
