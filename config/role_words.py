"""The roles in words: what each row of `config/roles.py` lets somebody do."""

from config.models import User
from config.roles import MATRIX

SUBJECTS = {
    "clinics": "Sites",
    "devices": "Devices",
    "stock": "Stock",
    "readings": "Counter readings",
    "patients": "Patients",
    "rentals": "Rentals",
    "tasks": "Tasks",
    "messages": "Messages",
    "terms": "Terms",
    "settings": "Settings",
    "models": "Device models",
    "staff": "Staff",
    "sites": "Sites",
    "sheets": "Spreadsheets",
    "recalls": "Recalls",
    "feeds": "Calendar feeds",
    "usage": "Usage data",
    "reports": "Fleet figures",
}

WORDS = {
    "clinics.read": "see the sites",
    "devices.read": "look at devices",
    "devices.add": "add a device, and change its dates",
    "devices.send": "send one to another site",
    "devices.spend": "write down what is spent on one",
    "devices.end": "call one lost, found again or retired",
    "devices.renew": "write down a new card, a replaced unit, a counter set back",
    "stock.read": "look at stock-takes",
    "stock.count": "count the stock",
    "stock.settle": "settle what a count found missing or unexpected",
    "readings.record": "record what a screen shows",
    "readings.trust": "trust a reading that was in doubt",
    "patients.search": "search and look at patients",
    "patients.register": "register and correct them",
    "patients.contact": "change contact persons, payers, preferences",
    "patients.watch": "see who looked at a patient’s record",
    "patients.silence": "write down that somebody withdrew or died",
    "rentals.read": "look at rentals",
    "rentals.book": "book, and put on the waiting list",
    "rentals.override_capacity": "promise more treatments than a device has left",
    "rentals.override_pathological": "override the block of a pathological fracture",
    "rentals.prioritise": "say who on the waiting list is next",
    "rentals.sign": "have papers signed",
    "rentals.pay": "record payments",
    "rentals.reverse": "reverse a wrong entry of the ledger",
    "rentals.hand_over": "hand a device over",
    "rentals.extend": "extend",
    "rentals.swap": "swap a device that is out",
    "rentals.change_device": "move a reservation to another device",
    "rentals.pin": "pin a reservation to its device",
    "rentals.confirm_healed": "confirm healing",
    "rentals.take_back": "take a device back",
    "rentals.inspect": "inspect and settle",
    "rentals.tell": "tell by phone what no mail could",
    "rentals.resend": "send a message once more",
    "rentals.plan_imaging": "plan follow-up imaging",
    "rentals.give_gel": "give gel",
    "rentals.invoice": "make invoices",
    "rentals.cancel": "cancel",
    "rentals.write_off": "call a device lost or kept",
    "rentals.correct": "correct a wrong device or patient",
    "rentals.backdate": "enter what is more than three days back",
    "tasks.read": "look at tasks",
    "tasks.do": "do tasks",
    "messages.watch": "watch what is late, failed or in doubt",
    "messages.write": "change the words of messages, and when they leave",
    "terms.write": "write the next version of the terms",
    "settings.read": "look at settings, models and staff",
    "settings.write": "change the settings of a site",
    "models.change": "add and change device models, and sign their reuse off",
    "staff.manage": "invite people, change their role and sites, switch them off",
    "sites.open": "open another site",
    "sheets.bring": "bring in a spreadsheet",
    "recalls.start": "start a recall",
    "recalls.read": "look at recalls, and whom to phone",
    "feeds.manage": "make and revoke feeds",
    "usage.import": "bring usage data in",
    "usage.read": "look at usage data and discrepancies",
    "usage.resolve": "resolve discrepancies",
    "usage.rule_clock": "say by how much a device’s clock was off",
    "reports.read": "read the fleet’s figures",
    "reports.resend": "send the mail of a month to managers once more",
}
ROLES = tuple(User.Role)


def matrix_in_words() -> list[tuple[str, list[tuple[str, list[bool]]]]]:
    """By subject: each thing that can be done, and whether each role (in the order of `ROLES`) may do it."""
    subjects: dict[str, list[tuple[str, list[bool]]]] = {}
    for action, roles in MATRIX.items():
        subject, _, deed = action.partition(".")
        row = (WORDS.get(action, deed.replace("_", " ")), [role in roles for role in ROLES])
        subjects.setdefault(SUBJECTS.get(subject, subject.capitalize()), []).append(row)
    return list(subjects.items())
