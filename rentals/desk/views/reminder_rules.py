"""When a site's reminders leave: one page with every kind."""

from typing import Any

from django.http import HttpResponseRedirect
from django.urls import reverse
from django.utils.translation import gettext as _

from rentals.desk.forms.reminder_rules import ReminderRulesForm
from rentals.desk.page import BaseFormPage
from rentals.reminders.rules import rules_of
from rentals.reminders.set_rules import set_rules


class ReminderRules(BaseFormPage):
    """Every kind of reminder with its switch, days and time of day, saved together."""

    action = "messages.write"
    template = "rentals/desk/reminder_rules.html"

    def make_form(self, *data: Any) -> ReminderRulesForm:
        self.form = ReminderRulesForm(*data, rules=rules_of(self.site))
        return self.form

    def act(self, given: dict[str, Any]) -> HttpResponseRedirect:
        set_rules(self.site, self.form.rules(), read=given["read"])
        said = _("The reminders of %(site)s leave by these rules from now on.") % {"site": self.site}
        return self.go(reverse("reminder-rules"), said)
