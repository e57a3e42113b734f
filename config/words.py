"""Words of choices and numbers as they stand within a sentence, in the language that is being spoken."""

from decimal import Decimal
from typing import TYPE_CHECKING

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import get_language, override, pgettext

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise


def in_sentence(label: "StrOrPromise") -> str:
    """`label` as it stands within a sentence: English writes it small there, German leaves its nouns as they are."""
    words = str(label)
    return words.lower() if (get_language() or "en").startswith("en") else words


def in_english(label: "StrOrPromise") -> str:
    """`label` for what is kept in the database: the same words whoever acted."""
    with override(settings.LANGUAGE_CODE):
        return str(label)


def aud(amount: Decimal) -> str:
    """An amount in AUD: `$1,234.50`, a negative one with its sign before the dollar."""
    written = number_format(round(abs(amount), 2), decimal_pos=2, use_l10n=True, force_grouping=True)
    words = pgettext("an amount of money", "$%(amount)s") % {"amount": written}
    return f"−{words}" if amount < 0 else words


def grouped(number: int) -> str:
    """`12,345`."""
    return number_format(number, use_l10n=True, force_grouping=True)
