"""Who works here: as what, and at which sites."""

from typing import Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.models import Clinic, User

ROLES = (
    (User.Role.RECEPTION, gettext_lazy("Reception: books, hands over, takes back, records payments")),
    (User.Role.CLINICIAN, gettext_lazy("Clinician: all that but money, and confirms healing")),
    (User.Role.MANAGER, gettext_lazy("Manager: all of it, and what is set up here")),
    (User.Role.AUDITOR, gettext_lazy("Auditor: looks, and changes nothing")),
)


class WorkForm(forms.Form):
    """A role, and some of the sites `clinics` that the asker may give; `sees_all`: he may give every site, too."""

    role = forms.ChoiceField(choices=ROLES, widget=forms.RadioSelect, label=gettext_lazy("Role"))
    clinics = forms.ModelMultipleChoiceField(
        queryset=Clinic.objects.none(), widget=forms.CheckboxSelectMultiple, label=gettext_lazy("Sites")
    )

    def __init__(
        self, data: Any = None, files: Any = None, *, clinics: QuerySet[Clinic], sees_all: bool, **kwargs: Any
    ) -> None:
        super().__init__(data, files, **kwargs)
        field: Any = self.fields["clinics"]
        field.queryset = clinics
        field.required = not sees_all
        field.help_text = _("None chosen: every site, also those to come.") if sees_all else _("At least one of yours.")


class InviteForm(WorkForm):
    """Somebody new."""

    field_order = ("username", "email", "role", "clinics")

    username = forms.CharField(
        max_length=150,
        label=gettext_lazy("User name"),
        help_text=gettext_lazy("For the sign-in, and what stands beside all that this person does. It stays."),
        widget=forms.TextInput(attrs={"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}),
    )
    email = forms.EmailField(
        required=False,
        max_length=254,
        label=gettext_lazy("E-mail"),
        help_text=gettext_lazy(
            "The link to choose a password is mailed there. Without an address it is shown to you, once."
        ),
        widget=forms.EmailInput(attrs={"autocomplete": "off"}),
    )
