"""The roles in words: what each row of `config/roles.py` lets somebody do."""

from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

from config.models import User
from config.roles import MATRIX

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

SUBJECTS: "dict[str, StrOrPromise]" = {
    "clinics": _("Sites"),
    "devices": _("Devices"),
    "stock": _("Stock"),
    "readings": _("Counter readings"),
    "patients": _("Patients"),
    "rentals": _("Rentals"),
    "tasks": _("Tasks"),
    "messages": _("Messages"),
    "terms": _("Terms"),
    "settings": _("Settings"),
    "models": _("Device models"),
    "staff": _("Staff"),
    "sites": _("Sites"),
    "sheets": _("Spreadsheets"),
    "recalls": _("Recalls"),
    "feeds": _("Calendar feeds"),
    "usage": _("Usage data"),
    "reports": _("Fleet figures"),
}

WORDS: "dict[str, StrOrPromise]" = {
    "clinics.read": _("see the sites"),
    "devices.read": _("look at devices"),
    "devices.add": _("add a device, and change its dates"),
    "devices.send": _("send one to another site"),
    "devices.spend": _("write down what is spent on one"),
    "devices.end": _("call one lost, found again or retired"),
    "devices.renew": _("write down a new card, a replaced unit, a counter set back"),
    "stock.read": _("look at stock-takes"),
    "stock.count": _("count the stock"),
    "stock.settle": _("settle what a count found missing or unexpected"),
    "readings.record": _("record what a screen shows"),
    "readings.trust": _("trust a reading that was in doubt"),
    "patients.search": _("search and look at patients"),
    "patients.register": _("register and correct them"),
    "patients.contact": _("change contact persons, payers, preferences"),
    "patients.watch": _("see who looked at a patient’s record"),
    "patients.silence": _("write down that somebody withdrew or died"),
    "rentals.read": _("look at rentals"),
    "rentals.book": _("book, and put on the waiting list"),
    "rentals.override_capacity": _("promise more treatments than a device has left"),
    "rentals.override_pathological": _("override the block of a pathological fracture"),
    "rentals.prioritise": _("say who on the waiting list is next"),
    "rentals.sign": _("have papers signed"),
    "rentals.pay": _("record payments"),
    "rentals.reverse": _("reverse a wrong entry of the ledger"),
    "rentals.hand_over": _("hand a device over"),
    "rentals.extend": _("extend"),
    "rentals.swap": _("swap a device that is out"),
    "rentals.change_device": _("move a reservation to another device"),
    "rentals.pin": _("pin a reservation to its device"),
    "rentals.confirm_healed": _("confirm healing"),
    "rentals.take_back": _("take a device back"),
    "rentals.inspect": _("inspect and settle"),
    "rentals.tell": _("tell by phone what no mail could"),
    "rentals.resend": _("send a message once more"),
    "rentals.plan_imaging": _("plan follow-up imaging"),
    "rentals.give_gel": _("give gel"),
    "rentals.invoice": _("make invoices"),
    "rentals.cancel": _("cancel"),
    "rentals.write_off": _("call a device lost or kept"),
    "rentals.correct": _("correct a wrong device or patient"),
    "rentals.backdate": _("enter what is more than three days back"),
    "tasks.read": _("look at tasks"),
    "tasks.do": _("do tasks"),
    "messages.watch": _("watch what is late, failed or in doubt"),
    "messages.write": _("change the words of messages, and when they leave"),
    "terms.write": _("write the next version of the terms"),
    "settings.read": _("look at settings, models and staff"),
    "settings.write": _("change the settings of a site"),
    "models.change": _("add and change device models, and sign their reuse off"),
    "staff.manage": _("invite people, change their role and sites, switch them off"),
    "sites.open": _("open another site"),
    "sheets.bring": _("bring in a spreadsheet"),
    "recalls.start": _("start a recall"),
    "recalls.read": _("look at recalls, and whom to phone"),
    "feeds.manage": _("make and revoke feeds"),
    "usage.import": _("bring usage data in"),
    "usage.read": _("look at usage data and discrepancies"),
    "usage.resolve": _("resolve discrepancies"),
    "usage.rule_clock": _("say by how much a device’s clock was off"),
    "reports.read": _("read the fleet’s figures"),
    "reports.resend": _("send the mail of a month to managers once more"),
}
ROLES = tuple(User.Role)


def matrix_in_words() -> list[tuple[str, list[tuple[str, list[bool]]]]]:
    """By subject: each thing that can be done, and whether each role (in the order of `ROLES`) may do it."""
    subjects: dict[str, list[tuple[str, list[bool]]]] = {}
    for action, roles in MATRIX.items():
        subject, _dot, deed = action.partition(".")
        row = (str(WORDS.get(action, deed.replace("_", " "))), [role in roles for role in ROLES])
        subjects.setdefault(str(SUBJECTS.get(subject, subject.capitalize())), []).append(row)
    return list(subjects.items())
