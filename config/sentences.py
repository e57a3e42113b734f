"""What forms say of an entry that cannot be: sentences that say what to do, for all forms at once.

Django's own ("Ensure this value is greater than or equal to 1.") are written for whoever writes forms.
"""

from typing import TYPE_CHECKING

from django import forms
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

MISSING: "dict[type[forms.Field], StrOrPromise]" = {
    forms.Field: _("Please fill this in."),
    forms.ChoiceField: _("Please choose one."),
    forms.MultipleChoiceField: _("Please choose at least one."),
    forms.ModelMultipleChoiceField: _("Please choose at least one."),
    forms.BooleanField: _("Please tick this to go on."),
    forms.FileField: _("Please choose a file."),
}


def speak_plainly() -> None:
    """Put the sentences in the place of Django's; before the first form is written, for its fields take them along."""
    for kind, words in MISSING.items():
        kind.default_error_messages = {**kind.default_error_messages, "required": words}
    MinValueValidator.message = _("Please write %(limit_value)s or more.")
    MaxValueValidator.message = _("Please write %(limit_value)s or less.")
    MaxLengthValidator.message = _("Please write at most %(limit_value)d characters; these are %(show_value)d.")
