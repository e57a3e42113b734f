"""Where the embedded servers of one checkout keep their files and sockets."""

import os
import re
import secrets
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from config.environment import WrongEnvironment

SYSTEM_STATE = Path("/var/lib/callus")
LONGEST_SOCKET_FOLDER = 107 - len("/.s.PGSQL.5432.lock")
SAFE_IN_ADDRESSES = re.compile(r"[A-Za-z0-9/._+-]+")
DATABASE = "callus"


@dataclass(frozen=True)
class Layout:
    """The folders of one checkout; `system` is where root keeps what PostgreSQL's own user must reach."""

    state: Path
    identity: str

    @property
    def system(self) -> Path | None:
        return SYSTEM_STATE / self.identity if os.geteuid() == 0 else None

    @property
    def postgres_data(self) -> Path:
        return (self.system or self.state) / "postgres"

    @property
    def postgres_sockets(self) -> Path:
        return self.system / "sockets" if self.system else self.sockets

    @property
    def valkey_data(self) -> Path:
        return self.state / "valkey"

    @property
    def valkey_socket(self) -> Path:
        return self.sockets / "valkey.sock"

    @property
    def sockets(self) -> Path:
        """A private folder whose path is fit for a socket: 107 characters at most, nothing to escape in a URL."""
        folder = self.state / "sockets"
        if len(os.fsencode(folder)) <= LONGEST_SOCKET_FOLDER and SAFE_IN_ADDRESSES.fullmatch(str(folder)):
            return folder
        return Path(tempfile.gettempdir()) / f"callus-{self.identity}"

    @property
    def logs(self) -> Path:
        return self.state / "log"

    def redis_url(self, number: int = 0) -> str:
        return f"unix://{self.valkey_socket}?db={number}"


def make_private(folder: Path) -> None:
    """Create a folder that only its owner can enter; refuse one that somebody else made."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
        raise WrongEnvironment(f"{folder} belongs to somebody else; remove it or start from another folder.")
    folder.chmod(0o700)


def layout(state: Path) -> Layout:
    """Return the layout for a state folder, whose random identity is made at the first call."""
    try:
        state.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Layout(state, kept(state / "id", lambda: secrets.token_hex(8)))
    except PermissionError as error:
        raise WrongEnvironment(f"{state} cannot be written by this user: {error.strerror}") from error


def kept(path: Path, make: Callable[[], str]) -> str:
    """Return the text of a file readable by its owner only; made once, also when two processes ask at once."""
    if not path.exists():
        make_private(path.parent)
        with tempfile.NamedTemporaryFile("w", dir=path.parent) as draft, suppress(FileExistsError):
            draft.write(make())
            draft.flush()
            os.link(draft.name, path)  # a link is atomic and never replaces what another process made
    return path.read_text()
