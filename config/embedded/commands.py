"""Which commands need the embedded servers, and how they get them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext

from config import environment
from config.embedded.layout import layout
from config.embedded.servers import Servers

# They ask nothing of a database. `run` looks after the servers itself.
WITHOUT_SERVERS = {"run", "help", "version", "check", "makemessages", "compilemessages", "startapp", "spectacular"}
ASKING_FOR_HELP = {"-h", "--help", "--version"}


def servers_for(arguments: Sequence[str]) -> AbstractContextManager[None]:
    """Return what has the embedded servers up while a command runs, if it needs them at all."""
    if not environment.is_embedded() or not needs_servers(arguments):
        return nullcontext()
    from django.conf import settings

    return Servers(layout(settings.STATE_DIR)).in_use()


def needs_servers(arguments: Sequence[str]) -> bool:
    """Return whether a command line asks for something in the database or the queue."""
    if not arguments or ASKING_FOR_HELP.intersection(arguments):
        return False
    return arguments[0] not in WITHOUT_SERVERS
