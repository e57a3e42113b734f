"""What came of a task."""

from django import forms

from rentals.desk.forms.fields import NoteField


class TaskDoneForm(forms.Form):
    note = NoteField(required=False, label="What came of it", help_text="Leave it empty if there is nothing to add.")
