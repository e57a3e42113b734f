"""What came of a task."""

from django import forms
from django.utils.translation import gettext_lazy as _

from rentals.desk.forms.fields import NoteField


class TaskDoneForm(forms.Form):
    note = NoteField(
        required=False, label=_("What came of it"), help_text=_("Leave it empty if there is nothing to add.")
    )
