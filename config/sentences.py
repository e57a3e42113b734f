"""What forms say of an entry that cannot be: sentences that say what to do, for all forms at once.

Django's own ("Ensure this value is greater than or equal to 1.") are written for whoever writes forms.
"""

from django import forms
from django.core.validators import MaxLengthValidator, MaxValueValidator, MinValueValidator

MISSING: dict[type[forms.Field], str] = {
    forms.Field: "Please fill this in.",
    forms.ChoiceField: "Please choose one.",
    forms.MultipleChoiceField: "Please choose at least one.",
    forms.ModelMultipleChoiceField: "Please choose at least one.",
    forms.BooleanField: "Please tick this to go on.",
    forms.FileField: "Please choose a file.",
}


def speak_plainly() -> None:
    """Put the sentences in the place of Django's; before the first form is written, for its fields take them along."""
    for kind, words in MISSING.items():
        kind.default_error_messages = {**kind.default_error_messages, "required": words}
    MinValueValidator.message = "Please write %(limit_value)s or more."
    MaxValueValidator.message = "Please write %(limit_value)s or less."
    MaxLengthValidator.message = "Please write at most %(limit_value)d characters; these are %(show_value)d."
