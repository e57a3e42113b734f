"""Who may do what. One row an action; a manager may do all that reception and clinicians may."""

from config.models import User

R, C, M, A = User.Role.RECEPTION, User.Role.CLINICIAN, User.Role.MANAGER, User.Role.AUDITOR

MATRIX: dict[str, frozenset[str]] = {
    #                                 reception  clinician  manager  auditor
    "clinics.read":         frozenset({R,        C,         M,       A}),
    "devices.read":         frozenset({R,        C,         M,       A}),
    "devices.add":          frozenset({                     M}),
    "devices.send":         frozenset({                     M}),  # to another site
    "devices.spend":        frozenset({                     M}),  # money on one, and what was recorded wrongly
    "devices.end":          frozenset({                     M}),  # lost, found again or retired, without a rental
    "stock.read":           frozenset({R,        C,         M,       A}),  # counts of what is really there
    "stock.count":          frozenset({R,        C,         M}),
    "stock.settle":         frozenset({                     M}),  # what a count found missing or unexpected
    "devices.renew":        frozenset({R,        C,         M}),  # a new card, a replaced unit, a counter set back
    "readings.record":      frozenset({R,        C,         M}),
    "readings.trust":       frozenset({R,        C,         M}),  # one in doubt, found right
    "patients.search":      frozenset({R,        C,         M,       A}),
    "patients.register":    frozenset({R,        C,         M}),
    "patients.contact":     frozenset({R,        C,         M}),  # contact persons, payers, preferences
    "patients.watch":       frozenset({                     M,       A}),  # who looked at a record
    "patients.silence":     frozenset({R,        C,         M}),  # withdrawn or died: nothing is sent any more
    "rentals.read":         frozenset({R,        C,         M,       A}),
    "rentals.book":         frozenset({R,        C,         M}),
    "rentals.override_capacity":     frozenset({            M}),
    "rentals.override_pathological": frozenset({ C,         M}),
    "rentals.prioritise":   frozenset({          C,         M}),  # on the waiting list
    "rentals.sign":         frozenset({R,        C,         M}),
    "rentals.pay":          frozenset({R,                   M}),
    "rentals.reverse":      frozenset({                     M}),  # a wrong entry of the ledger
    "rentals.hand_over":    frozenset({R,        C,         M}),
    "rentals.extend":       frozenset({R,        C,         M}),
    "rentals.swap":         frozenset({R,        C,         M}),
    "rentals.change_device": frozenset({R,       C,         M}),
    "rentals.pin":          frozenset({R,        C,         M}),
    "rentals.confirm_healed": frozenset({        C,         M}),
    "rentals.take_back":    frozenset({R,        C,         M}),
    "rentals.inspect":      frozenset({R,        C,         M}),
    "rentals.tell":         frozenset({R,        C,         M}),  # by phone, where a message did not arrive
    "rentals.resend":       frozenset({R,        C,         M}),  # a message once more
    "rentals.plan_imaging": frozenset({          C,         M}),
    "rentals.give_gel":     frozenset({R,        C,         M}),
    "rentals.invoice":      frozenset({R,                   M}),
    "rentals.cancel":       frozenset({R,        C,         M}),
    "rentals.write_off":    frozenset({                     M}),  # lost or kept
    "rentals.correct":      frozenset({                     M}),  # recorded wrongly: another device or patient
    "rentals.backdate":     frozenset({                     M}),  # more than three days
    "tasks.read":           frozenset({R,        C,         M,       A}),
    "tasks.do":             frozenset({R,        C,         M}),
    "messages.watch":       frozenset({                     M,       A}),  # what is late, failed or in doubt
    "messages.write":       frozenset({                     M}),  # the site's words and when they leave
    "terms.write":          frozenset({                     M}),
    "settings.read":        frozenset({                     M,       A}),  # of a site
    "settings.write":       frozenset({                     M}),
    "models.change":        frozenset({                     M}),  # device models and their sign-off for reuse
    "staff.manage":         frozenset({                     M}),  # who works here, as what and where
    "sites.open":           frozenset({                     M}),  # another one; only who sees every site
    "sheets.bring":         frozenset({                     M}),  # a clinic's own spreadsheet
    "recalls.start":        frozenset({                     M}),
    "recalls.read":         frozenset({R,        C,         M,       A}),  # whom to phone
    "feeds.manage":         frozenset({                     M}),  # lets data out of the house without a sign-in
    "usage.import":         frozenset({R,        C,         M}),
    "usage.read":           frozenset({R,        C,         M,       A}),
    "usage.resolve":        frozenset({R,        C,         M}),
    "usage.rule_clock":     frozenset({          C,         M}),  # by how much a device's clock was off
    "reports.read":         frozenset({                     M,       A}),
    "reports.resend":       frozenset({                     M}),  # the mail of a month to managers
}  # fmt: skip


def may(user: User, action: str) -> bool:
    """Whether the role of `user` allows `action`; an action without a row is a mistake of ours."""
    return user.role in MATRIX[action]
