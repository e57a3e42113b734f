"""The embedded servers: closed to others, kept on disk, and started again whatever ended them."""

import os
import pwd
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import psycopg
import pytest
import redis

from config.embedded.commands import needs_servers
from config.embedded.layout import LONGEST_SOCKET_FOLDER, Layout, kept, layout, make_private
from config.embedded.servers import Servers
from config.embedded.support import why_unsupported
from config.environment import WrongEnvironment
from tests.running import servers_in

# One worker has them all: most share a folder, so that its database is made once.
pytestmark = pytest.mark.xdist_group("embedded")


@pytest.fixture
def new_servers(tmp_path: Path) -> Iterator[Servers]:
    yield from servers_in(tmp_path / "var")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder whose database was made where no locale is set."""
    folder = tmp_path_factory.mktemp("embedded") / "var"
    with pytest.MonkeyPatch.context() as environment:
        for name in ("LANG", "LC_ALL", "LC_CTYPE"):
            environment.delenv(name, raising=False)
        for servers in servers_in(folder):
            with servers.in_use():
                pass
            yield folder


@pytest.fixture
def servers(folder: Path) -> Servers:
    """The servers of that folder, stopped."""
    return Servers(layout(folder))


def ask(servers: Servers, question: str) -> object:
    with psycopg.connect(servers.postgres.address()) as connection:
        answer = connection.execute(question)
        return answer.fetchone()[0] if answer.description else None


def modes_up_to_root(folder: Path) -> list[int]:
    return [parent.stat().st_mode for parent in folder.parents]


def other_user_of(folder: Path) -> int:
    """Somebody who is neither root nor the owner of a folder."""
    return next(user.pw_uid for user in pwd.getpwall() if user.pw_uid not in (0, folder.stat().st_uid))


def test_servers_open_no_folder_and_no_port(new_servers: Servers, tmp_path: Path):
    servers = new_servers
    before = modes_up_to_root(tmp_path / "var")
    with servers.in_use():
        assert modes_up_to_root(tmp_path / "var") == before
        for folder in (servers.layout.postgres_sockets, servers.layout.sockets, servers.layout.postgres_data):
            assert folder.stat().st_mode & 0o777 == 0o700
        for server in servers.all:
            assert psutil.Process(server.pid()).net_connections("inet") == []


def test_nobody_else_can_reach_the_sockets(servers: Servers):
    with servers.in_use():
        for folder, name in (("postgres_sockets", ".s.PGSQL.5432"), ("sockets", "valkey.sock")):
            assert is_closed_to_others(getattr(servers.layout, folder) / name)


def is_closed_to_others(path: Path) -> bool:
    assert path.exists()
    if os.geteuid() != 0:  # only root can try as somebody else; others have the folder's mode above
        return path.parent.stat().st_mode & 0o077 == 0
    connect = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
    tried = subprocess.run(
        ["/usr/bin/env", "python3", "-c", connect, str(path)],
        user=other_user_of(path.parent),
        group=65534,
        extra_groups=[],
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )
    return "PermissionError" in tried.stderr


def test_database_knows_every_letter_without_a_locale(servers: Servers):
    with servers.in_use():
        assert ask(servers, "SELECT upper(normalize('zoe\u0308'))") == "ZO\u00cb"


def test_queue_keeps_everything_it_is_given(servers: Servers):
    with servers.in_use():
        settings = redis.Redis.from_url(servers.layout.redis_url()).config_get("*")
        assert (settings["appendonly"], settings["maxmemory-policy"]) == ("yes", "noeviction")
        assert ask(servers, "SHOW fsync") == "on"


def test_data_are_there_again_after_a_stop_and_after_a_kill(servers: Servers):
    with servers.in_use():
        ask(servers, "CREATE TABLE kept AS SELECT 7 AS number")
        redis.Redis.from_url(servers.layout.redis_url()).set("kept", "8")
    with servers.in_use():
        killed = [psutil.Process(server.pid()) for server in servers.all]
        for process in killed:
            process.kill()
        psutil.wait_procs(killed, 5)
    with servers.in_use():
        assert ask(servers, "SELECT number FROM kept") == 7
        assert redis.Redis.from_url(servers.layout.redis_url()).get("kept") == b"8"


def test_server_starts_although_another_program_got_the_number_in_its_stale_file(servers: Servers):
    user = servers.postgres.user()
    stranger = subprocess.Popen(
        ["sleep", "60"], user=user.pw_uid if user else None, group=user.pw_gid if user else None
    )
    try:
        for server in servers.all:
            server.pid_file.write_text(f"{stranger.pid}\n{server.pid_file.parent}\n")
        assert [server.pid() for server in servers.all] == [None, None]
        with servers.in_use():
            assert ask(servers, "SELECT 1") == 1
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_server_whose_file_was_taken_away_is_not_started_twice(servers: Servers):
    with servers.in_use():
        first = servers.valkey.pid()
        servers.valkey.pid_file.unlink()
        servers.keep()
        assert servers.valkey.pid() == first
    assert not psutil.pid_exists(first) or psutil.Process(first).status() == psutil.STATUS_ZOMBIE


def test_last_to_leave_stops_the_servers(servers: Servers):
    other = Servers(servers.layout)
    with servers.in_use():
        with other.in_use():
            pass
        assert all(server.pid() for server in servers.all)
    assert [server.pid() for server in servers.all] == [None, None]


def test_first_to_leave_does_not_stop_the_servers_it_started(servers: Servers):
    other = Servers(servers.layout)
    first, second = servers.in_use(), other.in_use()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    assert all(server.pid() for server in servers.all)
    second.__exit__(None, None, None)
    assert [server.pid() for server in servers.all] == [None, None]


def test_many_commands_at_once_share_one_pair_of_servers(tmp_path: Path, new_servers: Servers):
    code = (
        "import sys, psycopg; from pathlib import Path; from config.embedded.servers import Servers;"
        "from config.embedded.layout import layout\n"
        "s = Servers(layout(Path(sys.argv[1])))\n"
        "with s.in_use(): print(psycopg.connect(s.postgres.address()).execute('SELECT 7').fetchone()[0])"
    )
    commands = [
        subprocess.Popen([sys.executable, "-c", code, str(tmp_path / "var")], stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    assert [command.communicate(timeout=60)[0].strip() for command in commands] == ["7"] * 6
    assert [server.pid() for server in new_servers.all] == [None, None]


@pytest.mark.parametrize("name", ["d" * 120, "with blank, comma, %20 and ?db=3"])
def test_servers_start_in_a_folder_whose_name_does_not_fit_an_address(name: str):
    with tempfile.TemporaryDirectory() as short:  # so that it is the name alone that does not fit
        for servers in servers_in(Path(short, name, "var")):
            assert len(str(servers.layout.sockets)) <= LONGEST_SOCKET_FOLDER
            with servers.in_use():
                assert ask(servers, "SELECT 1") == 1
                assert redis.Redis.from_url(servers.layout.redis_url()).ping()


def test_start_that_fails_says_why(servers: Servers):
    version = servers.layout.postgres_data / "PG_VERSION"
    right = version.read_text()
    version.write_text("12\n")
    with pytest.raises(WrongEnvironment, match=r"(?s)postgres does not start.*incompatible"), servers.in_use():
        pass
    version.write_text(right)


def test_folder_that_is_not_ours_is_refused(tmp_path: Path):
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "sockets").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(WrongEnvironment, match="belongs to somebody else"):
        make_private(tmp_path / "sockets")


def test_kept_text_is_made_once_and_readable_by_its_owner_only(tmp_path: Path):
    all_at_once = threading.Barrier(8, timeout=10)

    def make() -> str:
        return str(all_at_once.wait())

    with ThreadPoolExecutor(8) as pool:
        seen = set(pool.map(lambda _: kept(tmp_path / "secret", make), range(8)))
    assert len(seen) == 1
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret"]


def test_two_checkouts_have_nothing_in_common(tmp_path: Path):
    one, two = layout(tmp_path / "one"), layout(tmp_path / "two")
    assert isinstance(one, Layout)
    assert {one.postgres_data, one.sockets, one.valkey_data}.isdisjoint(
        {two.postgres_data, two.sockets, two.valkey_data}
    )


@pytest.mark.parametrize(
    ("arguments", "needed"),
    [([], False), (["migrate"], True), (["migrate", "--help"], False), (["check"], False), (["api_token", "x"], True)],
)
def test_only_commands_that_ask_the_database_start_the_servers(arguments: list[str], needed: bool):
    assert needs_servers(arguments) == needed


@pytest.mark.parametrize(
    ("system", "machine", "python", "libc", "said"),
    [
        ("Linux", "x86_64", (3, 11), "glibc", ""),
        ("Darwin", "arm64", (3, 13), "", ""),
        ("Windows", "AMD64", (3, 12), "", "on Windows use WSL"),
        ("Linux", "riscv64", (3, 12), "glibc", "no embedded servers for Linux riscv64"),
        ("Linux", "x86_64", (3, 12), "", "no embedded servers for Linux x86_64 (no glibc)"),
        ("Linux", "x86_64", (3, 10), "glibc", "needs Python 3.11"),
    ],
)
def test_unsupported_machine_is_told_so(system: str, machine: str, python: tuple[int, int], libc: str, said: str):
    why = why_unsupported(system, machine, python, libc)
    assert (said in why) if said else why == ""
