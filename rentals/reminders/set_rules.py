"""A site's own rules for its reminders: what may be said there, and keeping it."""

import hashlib
from collections.abc import Mapping

from django.utils.translation import gettext as _

from config.models import Clinic, User
from config.refusals import Refusal, invalid
from config.row_history import changed_by
from rentals.deciding import deciding
from rentals.models import ReminderRule
from rentals.reminders.rules import DEFAULTS, Kind, Rule, rules_of

MOST_DAYS, FURTHEST_DAY, LARGEST_THRESHOLD = 6, 60, 999
# Kinds that are told some days before what they are about; and after it, from the first day on that makes sense.
BEFORE = frozenset({Kind.COLLECT_TOMORROW, Kind.IMAGING_DUE, Kind.DUE_SOON})
AFTER: Mapping[str, int] = {
    Kind.AGREEMENT_TO_SIGN: 0,
    Kind.FIRST_DAYS: 1,
    Kind.OVERDUE: 1,
    Kind.HOW_TO_RETURN: 0,
    Kind.RETURNED_THANKS: 0,
    Kind.BOND_REFUNDED: 0,
    Kind.RECEIPT: 0,
}


def version_of(rules: Mapping[str, Rule]) -> str:
    """Stands for all of `rules` as they are: a form carries it, to see whether somebody changed them meanwhile."""
    return hashlib.sha256(repr(sorted(rules.items())).encode()).hexdigest()[:32]


def set_rules(clinic: Clinic, rules: Mapping[str, Rule], *, read: str | None = None) -> None:
    """Let `clinic` tell each of these kinds by its rule; one that is the default is kept as no rule of its own.

    `read` is the version of the rules that whoever sends all of them has read. Raises `invalid`, at the field
    `<kind>_days`, `<kind>_at` or `<kind>_threshold`, and `changed_meanwhile`, before anything is changed.
    """
    for kind, rule in rules.items():
        refuse_impossible(clinic, kind, rule)
    own = {kind: rule for kind, rule in rules.items() if rule != DEFAULTS[kind]}
    with deciding():
        present = Clinic.objects.select_for_update(no_key=True).get(pk=clinic.pk)
        if read not in (None, version_of(rules_of(present))):
            raise changed_by(last_changed_by(clinic))
        ReminderRule.objects.filter(clinic=clinic, kind__in=rules.keys() - own.keys()).delete()
        for kind, rule in own.items():
            columns = {**vars(rule), "days": list(rule.days)}
            ReminderRule.objects.update_or_create(clinic=clinic, kind=kind, defaults=columns)


def last_changed_by(clinic: Clinic) -> str:
    """Who changed a rule of `clinic` last; "" where nobody knows."""
    history = ReminderRule.pgh_event_model.objects.filter(clinic=clinic)  # type: ignore[attr-defined]
    user = history.order_by("-pgh_id").values_list("pgh_context__metadata__user", flat=True).first()
    return User.objects.filter(pk=user).values_list("username", flat=True).first() or ""


def refuse_impossible(clinic: Clinic, kind: str, rule: Rule) -> None:
    if refusal := wrong_days(kind, rule) or wrong_hour(clinic, kind, rule) or wrong_threshold(kind, rule):
        raise refusal


def wrong_days(kind: str, rule: Rule) -> Refusal | None:
    if kind not in BEFORE and kind not in AFTER:
        return None if rule.days == DEFAULTS[kind].days else invalid(f"{kind}_days", _("This is told on its own day."))
    nearest = 1 if kind in BEFORE else AFTER[kind]
    distances = [-days if kind in BEFORE else days for days in rule.days]
    if not distances or len(distances) > MOST_DAYS or len(set(distances)) < len(distances):
        return invalid(
            f"{kind}_days", _("Write one to %(most_days)s different numbers of days.") % {"most_days": MOST_DAYS}
        )
    if any(not nearest <= days <= FURTHEST_DAY for days in distances):
        return invalid(
            f"{kind}_days",
            _("Write numbers of days from %(nearest)s to %(furthest_day)s.")
            % {"nearest": nearest, "furthest_day": FURTHEST_DAY},
        )
    return None


def wrong_hour(clinic: Clinic, kind: str, rule: Rule) -> Refusal | None:
    if rule.at is None or clinic.reminders_from <= rule.at < clinic.reminders_until:
        return None
    about = {"begin": f"{clinic.reminders_from:%H:%M}", "end": f"{clinic.reminders_until:%H:%M}"}
    return invalid(
        f"{kind}_at", _("Choose a time in the sending hours of this site, from %(begin)s to before %(end)s.") % about
    )


def wrong_threshold(kind: str, rule: Rule) -> Refusal | None:
    if DEFAULTS[kind].threshold is None:
        return None if rule.threshold is None else invalid(f"{kind}_threshold", _("This kind has no number to choose."))
    if rule.threshold and rule.threshold <= LARGEST_THRESHOLD:
        return None
    return invalid(
        f"{kind}_threshold",
        _("Write a number from 1 to %(largest_threshold)s.") % {"largest_threshold": LARGEST_THRESHOLD},
    )
