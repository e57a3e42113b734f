"""Where what a task asks for is done: the pages that fit it, and what the patient asked for in words."""

from datetime import date
from urllib.parse import urlencode

from django.urls import reverse
from django.utils.translation import gettext as _

from config.days import short_day
from config.models import User
from config.roles import may
from rentals.desk.actions import ACTIONS
from rentals.desk.next_steps import NextStep
from rentals.lifecycle import allows
from rentals.models import StaffTask
from rentals.patient_requests import Problem

Kind = StaffTask.Kind

# The verbs that may answer a task of the kind, by the name of their page, the likeliest first; the state of the rental
# decides.
VERBS = {
    Kind.EXTENSION: ("extend",),
    Kind.HEALED: ("healed",),
    Kind.PROBLEM: ("swap", "return", "gel", "lost"),
    Kind.CHASE: ("return", "extend"),
    Kind.DEEMED_KEPT: ("return", "kept"),
    Kind.GEL: ("gel",),
}
# What answers a problem first, where that is not another device.
FIRST = {Problem.GEL.value: "gel", Problem.UNWELL.value: "return", Problem.LOST.value: "lost"}
PAGES = {one.address: one for one in ACTIONS}


def task_steps(task: StaffTask, user: User) -> list[NextStep]:
    """The pages on which `user` can do what the task asks for; none once it is done."""
    if task.done_at:
        return []
    return [step for step in [*verb_steps(task), *address_steps(task)] if may(user, step.action)]


def verb_steps(task: StaffTask) -> list[NextStep]:
    rental = task.rental
    if rental is None:
        return []
    first = FIRST.get(task.asked.get("problem", ""))
    wanted = sorted(VERBS.get(Kind(task.kind), ()), key=lambda address: address != first)
    return [
        NextStep(one.words, reverse(one.address, args=[rental.reference]) + entries(task, one.address), one.action)
        for one in map(PAGES.__getitem__, wanted)
        if allows(rental, one.verb)
    ]


def entries(task: StaffTask, address: str) -> str:
    """What the form of the page is opened with: the due day that the patient wishes."""
    due_on = task.asked.get("due_on")
    return f"?{urlencode({'due_on': due_on})}" if due_on and address == "extend" else ""


def address_steps(task: StaffTask) -> list[NextStep]:
    if task.kind != Kind.ADDRESS:
        return []
    return [
        NextStep(_("Correct the patient"), reverse("correct-patient", args=[task.patient_id]), "patients.register"),
        NextStep(_("Contact person"), reverse("contact", args=[task.patient_id]), "patients.contact"),
    ]


def asked_in_words(task: StaffTask) -> str:
    """What the patient chose on the form, for staff; "" where there was nothing to choose."""
    if due_on := task.asked.get("due_on"):
        return _("To keep it until %(day)s") % {"day": short_day(date.fromisoformat(due_on))}
    problem = task.asked.get("problem")
    return str(Problem(problem).label) if problem in Problem.values else ""
