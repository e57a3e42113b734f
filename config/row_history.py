"""Who changed what of a row, and when, as the history in the database (pghistory) has written it down."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import F, Model, Window
from django.db.models.functions import Lag
from django.utils.translation import gettext as _

from config.models import User
from config.refusals import Refusal, invalid


@dataclass(frozen=True)
class Change:
    """One change of a row of the table `kind`: made, changed or removed (`deed`: insert, update, delete).

    `who` is a user name, "" where nobody was signed in: a command, or the installation itself. `columns` are what
    changed, each with its name, what stood there before and since. `row` is the row as it was then.
    """

    at: datetime
    who: str
    kind: str
    deed: str
    columns: list[tuple[str, Any, Any]]
    row: Any


def changes_of(model: type[Model], columns: tuple[str, ...], *, most: int, **of: Any) -> list[Change]:
    """The latest `most` entries of the history of the rows `of` a tracked model, the newest first, in three queries.

    An entry in which none of `columns` changed is left out.
    """
    before = Window(Lag("pgh_id"), partition_by="pgh_obj_id", order_by="pgh_id")
    history: Any = model.pgh_event_model.objects  # type: ignore[attr-defined]
    entries = list(history.filter(**of).annotate(before=before).order_by("-pgh_id")[:most])
    earlier = history.in_bulk([entry.before for entry in entries if entry.before])
    who = names_of(entries)
    changes = (change(model, columns, entry, earlier.get(entry.before), who) for entry in entries)
    return [one for one in changes if one.columns or one.deed != "update"]


def change(model: type[Model], columns: tuple[str, ...], entry: Any, before: Any, who: Mapping[Any, str]) -> Change:
    changed = [
        (name, getattr(before, name, None), getattr(entry, name))
        for name in columns
        if before is None or getattr(before, name) != getattr(entry, name)
    ]
    deed = entry.pgh_label
    return Change(
        entry.pgh_created_at,
        who.get(entry.pgh_context_id, ""),
        model.__name__,
        deed,
        [] if deed == "delete" else changed,
        entry,
    )


def names_of(entries: list[Any]) -> dict[Any, str]:
    """Who was signed in, by the context of the entry."""
    contexts = {entry.pgh_context_id for entry in entries if entry.pgh_context_id}
    if not contexts:
        return {}
    made_by = dict(context_model(entries[0]).objects.filter(pk__in=contexts).values_list("pk", "metadata__user"))
    names = dict(User.objects.filter(pk__in={pk for pk in made_by.values() if pk}).values_list("pk", "username"))
    return {context: names.get(user, "") for context, user in made_by.items()}


def context_model(entry: Any) -> Any:
    return type(entry)._meta.get_field("pgh_context").related_model


def version_of(row: Any) -> int:
    """The number of the present version of a tracked row; a form carries the one that it was opened with."""
    return int(row.events.order_by("-pgh_id").values_list("pgh_id", flat=True)[0])


def refuse_older_version(row: Any, read: int) -> None:
    """Raise `changed_meanwhile`, with who it was, where `row` is not as it was in the version `read`.

    The caller holds the lock of the row.
    """
    if not row.events.filter(pgh_id=read).exists():
        raise invalid("", _("This page was opened for something else, and nothing is saved. Open the page anew."))
    latest = row.events.annotate(user=F("pgh_context__metadata__user")).latest("pgh_id")
    if latest.pgh_id != read:
        raise changed_by(User.objects.filter(pk=latest.user).values_list("username", flat=True).first() or "")


def changed_by(username: str) -> Refusal:
    """The refusal of a form that was opened before `username` ("": nobody knows who) changed what it is about."""
    if username:
        words = _(
            "%(user)s has changed this since you opened the page, and nothing is saved. Open the page anew to read "
            "what it is now, then make your change."
        ) % {"user": username}
    else:
        words = _(
            "Somebody else has changed this since you opened the page, and nothing is saved. Open the page anew to "
            "read what it is now, then make your change."
        )
    return Refusal("changed_meanwhile", words)
