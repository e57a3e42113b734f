"""A folder into which other programs put usage files; what was seen to is moved to `taken` or `refused` in it.

A file is complete when nobody has touched it for a while. Its name tells earlier: hidden ones and those that end like
an unfinished copy are left alone, so a program may write under such a name and rename the file when it is done.
A run that dies between queueing a file and moving it queues it again, which changes nothing (I7).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial
from itertools import chain, count
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext_lazy

from rentals.reconciliation.routes.route import Delivery, Route, RouteFailed

SETTLED = timedelta(seconds=30)
UNFINISHED = (".part", ".partial", ".filepart", ".crdownload", ".tmp", "~")
MOST_FILES = 100  # a run
LONGEST_NAME = 50  # characters of a file that its reason is named by
TAKEN, REFUSED = "taken", "refused"


class Folder(Route):
    name = "folder"
    title = gettext_lazy("watched folder")
    settings = "USAGE_INBOX"

    def is_set_up(self) -> bool:
        return bool(settings.USAGE_INBOX)

    def deliveries(self, cursor: str, at: datetime) -> Iterator[Delivery]:
        inbox = Path(settings.USAGE_INBOX)
        with faults_told(inbox):
            for outcome in (TAKEN, REFUSED):
                (inbox / outcome).mkdir(exist_ok=True)
            for path in complete_files(inbox, at)[:MOST_FILES]:
                with path.open("rb") as file:
                    yield Delivery(shown(path), file, settle=partial(move, path, touched(path)))


@contextmanager
def faults_told(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or "it does not answer"
        raise RouteFailed(
            f"{error.filename or path} cannot be read or moved ({reason}); see to the permissions of the folder."
        ) from error


def complete_files(inbox: Path, at: datetime) -> list[Path]:
    """The files that nobody is writing any more, the oldest first."""
    files = [Path(entry) for entry in os.scandir(inbox) if entry.is_file(follow_symlinks=False)]
    settled = (at - SETTLED).timestamp()
    found = [
        (touched(path), path)
        for path in files
        if not path.name.startswith(".") and not path.name.lower().endswith(UNFINISHED) and path.stat().st_size
    ]
    return [path for at, path in sorted(found) if at <= settled]


def touched(path: Path) -> float:
    """When the file was last written or named; one that keeps an old date while it is copied is new all the same."""
    state = path.stat()
    return max(state.st_mtime, state.st_ctime)


def shown(path: Path) -> str:
    """The name as text that can be stored, whatever bytes it is made of."""
    return os.fsencode(path.name).decode("utf-8", "replace")


def move(path: Path, touched_before: float, refused: str) -> None:
    """Put a file that was seen to out of the way, the reason beside it where it was `refused`.

    One that somebody wrote to meanwhile stays, and is read again when it is complete.
    """
    with faults_told(path):
        if touched(path) != touched_before:
            return
        folder = path.parent / (REFUSED if refused else TAKEN)
        path.rename(free_name(folder, path.name))
        if refused:
            free_name(folder, f"{path.name[:LONGEST_NAME]}.why.txt").write_text(f"{refused}\n", encoding="utf-8")


def free_name(folder: Path, name: str) -> Path:
    """A path in `folder` that no earlier file has: `march.csv`, `march-2.csv` …"""
    wanted = folder / name
    candidates = (wanted.with_name(f"{wanted.stem}-{number}{wanted.suffix}") for number in count(2))
    return next(candidate for candidate in chain([wanted], candidates) if not candidate.exists())
