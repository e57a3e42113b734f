"""`make run` as a whole: ready, healed, stopped, and refused with one line when it cannot be."""

import os
import queue
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.core.management import CommandError

from config.embedded.layout import layout
from config.embedded.servers import Servers
from config.management.commands.run import _port, _set_up_first_clinic
from config.supervisor import Child
from tests import make
from tests.running import CHECKOUT, Run, environment_of, eventually, free_port, gone, servers_in

SECONDS_TO_STOP = 10

# One worker has them all, in this order: those that leave the run alive come first and share it.
pytestmark = pytest.mark.xdist_group("run")
ALL_OK = {"database": "ok", "queue": "ok", "workers": "ok", "scheduler": "ok"}


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A state folder for this module, so that only the first run has to make the database."""
    folder = tmp_path_factory.mktemp("run") / "var"
    for _ in servers_in(folder):
        yield folder


@pytest.fixture(scope="module")
def runs(state: Path) -> Iterator[list[Run]]:
    runs: list[Run] = []
    yield runs
    for run in runs:
        if run.process.poll() is None:
            run.stop(signal.SIGTERM)


@pytest.fixture
def run(state: Path, runs: list[Run]) -> Run:
    """A run that is ready; the one of the test before when that left it alive."""
    if not runs or runs[-1].process.poll() is not None:
        runs.append(Run(state, free_port()))
    return runs[-1].until_ready()


def said_by_shell(state: Path, code: str) -> str:
    """What a command says that uses the database of a state folder."""
    asked = subprocess.run(
        [sys.executable, "manage.py", "shell", "-v", "0", "-c", code],
        cwd=CHECKOUT,
        env=environment_of(state, free_port()),
        capture_output=True,
        text=True,
        check=True,
    )
    return asked.stdout.strip()


def test_command_uses_the_servers_of_a_run_and_leaves_them(run: Run, state: Path):
    assert said_by_shell(state, "from config.models import Clinic; print(Clinic.objects.count())").isdigit()
    assert run.health() == ALL_OK


def test_desk_that_is_no_demo_does_not_say_so(run: Run):
    assert "This is a demo" not in page_of(run)


def keep_demo_logins(state: Path, *logins: str) -> None:
    """Have the folder's database be a demo. That the first start keeps such logins is seen in test_demo.py."""
    path = said_by_shell(state, "from config.management.commands.run import _demo_logins; print(_demo_logins())")
    Path(path).write_text("".join(f"Login: {login} of-no-use  (demo)\n" for login in logins))


def test_demo_has_its_logins_says_what_it_is_and_is_there_for_this_machine_only(run: Run, runs: list[Run], state: Path):
    keep_demo_logins(state, "reception", "clinician", "manager", "auditor")
    run.stop(signal.SIGTERM)
    runs.append(demo := Run(state, free_port(), DEMO="1").until_ready())  # the tests that follow share it
    logins = [line.split("Login: ")[1].split()[0] for line in demo.said if "Login: " in line]
    assert logins == ["reception", "clinician", "manager", "auditor"]
    assert "This is a demo" in page_of(demo)
    assert listening(demo.family()) == {"127.0.0.1"}
    assert [address for address in addresses_of_this_machine() if answers_at(address, demo.port)] == []


def test_second_run_from_the_same_folder_is_refused_with_one_line(run: Run, state: Path):
    second = Run(state, free_port())
    second.process.wait(20)
    assert second.process.returncode == 1
    assert eventually(lambda: "already runs from this folder" in second.text, 2)
    assert len(second.said) == 1


@pytest.mark.parametrize("word", ["gunicorn", "worker", "beat"])
def test_child_that_is_killed_is_started_again(run: Run, word: str):
    killed = run.child(word)
    rest = killed.children(recursive=True)
    killed.kill()
    assert eventually(lambda: run.has_a_new(word, killed), 15)
    assert eventually(lambda: gone(rest), 2)
    assert eventually(lambda: run.health() == ALL_OK, 15)


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_server_that_is_killed_is_started_again(run: Run, state: Path, name: str):
    server = getattr(Servers(layout(state)), name)
    killed = psutil.Process(server.pid())
    killed.kill()
    assert eventually(lambda: server.pid() not in (None, killed.pid), 15)
    assert eventually(lambda: run.health() == ALL_OK, 20)
    assert [run.health() for _ in range(20)] == [ALL_OK] * 20  # no connection of the pools is left dead


def stops_in_time_and_leaves_no_process(run: Run, sign: signal.Signals) -> bool:
    assert run.health() == ALL_OK
    family = run.family()
    assert len(family) >= 7
    assert run.stop(sign) < SECONDS_TO_STOP
    assert run.process.returncode == 0
    return gone(family)


def test_run_stops_at_once_on_ctrl_c_and_its_second_start_is_ready_within_ten_seconds(
    run: Run, runs: list[Run], state: Path
):
    assert stops_in_time_and_leaves_no_process(run, signal.SIGINT)
    started = time.monotonic()
    runs.append(Run(state, free_port()).until_ready())
    assert time.monotonic() - started < 10


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent was killed")
def test_nothing_outlives_a_killed_supervisor_and_the_next_run_starts(run: Run, runs: list[Run], state: Path):
    family = run.family()
    run.process.kill()
    assert eventually(lambda: gone(family), SECONDS_TO_STOP)
    runs.append(Run(state, free_port()).until_ready())


def test_run_that_is_told_to_end_does(run: Run):
    assert stops_in_time_and_leaves_no_process(run, signal.SIGTERM)


def test_taken_port_is_refused_with_one_line(state: Path):
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        run = Run(state, holder.getsockname()[1])
        run.process.wait(20)
    assert run.process.returncode == 1
    assert eventually(lambda: len(run.said) == 1, 2)
    assert f"Port {run.port} cannot be used" in run.text


@pytest.mark.parametrize("port", ["web", "0", "70000"])
def test_port_that_is_none_is_refused(port: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PORT", port)
    with pytest.raises(CommandError, match=f"PORT is '{port}'"):
        _port()


def test_port_that_is_none_is_refused_with_one_line(state: Path):
    run = Run(state, 1, PORT="70000")
    run.process.wait(20)
    assert run.process.returncode == 1
    assert eventually(lambda: len(run.said) == 1, 2)


def page_of(run: Run) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{run.port}/", timeout=10) as answer:
        return answer.read().decode()


def addresses_of_this_machine() -> set[str]:
    """Its own besides 127.0.0.1; on Linux all of 127/8 is."""
    own = {a.address for addresses in psutil.net_if_addrs().values() for a in addresses if a.family == socket.AF_INET}
    return (own | {"127.0.0.2"}) - {"127.0.0.1"}


def answers_at(address: str, port: int) -> bool:
    with socket.socket() as visitor:
        visitor.settimeout(2)
        return visitor.connect_ex((address, port)) == 0


def listening(processes: list[psutil.Process]) -> set[str]:
    connections = [connection for process in processes for connection in connections_of(process)]
    return {connection.laddr.ip for connection in connections if connection.status == psutil.CONN_LISTEN}


def connections_of(process: psutil.Process) -> list:
    try:
        return process.net_connections("inet")
    except psutil.NoSuchProcess:  # a helper of a server that has ended meanwhile
        return []


def test_child_that_dies_at_once_is_tried_again_ever_more_slowly():
    heard: queue.Queue[tuple[str, str]] = queue.Queue()
    child = Child("brief", [sys.executable, "-c", "print('here')"], os.environ, lambda *said: heard.put(said))
    for _ in range(40):
        child.keep()
        time.sleep(0.1)
    child.end_group()
    starts = [said for said in heard.queue if said == ("brief", "here")]
    assert 2 <= len(starts) <= 4  # at 0, 0.5 and 1.5 s, with the time a start takes


def kept_and_gone(child: Child, left_behind: psutil.Process) -> bool:
    child.keep()
    return gone([left_behind])


def test_what_a_dead_child_had_started_ends_before_it_is_started_again():
    heard: queue.Queue[tuple[str, str]] = queue.Queue()
    leaves_one_behind = ["sh", "-c", "sleep 60 & echo $!; kill -9 $$"]
    child = Child("careless", leaves_one_behind, os.environ, lambda *said: heard.put(said))
    child.keep()
    left_behind = psutil.Process(int(heard.get(timeout=5)[1]))
    assert left_behind.is_running()
    assert eventually(lambda: kept_and_gone(child, left_behind), 5)
    child.end_group()


@pytest.mark.django_db
def test_the_logins_of_another_databases_demo_do_not_make_this_one_a_demo(settings, tmp_path: Path):
    settings.STATE_DIR = tmp_path
    make.clinic()
    user = make.reception()
    (tmp_path / "demo-logins-20200101000000000000").write_text("of another database")
    assert _set_up_first_clinic() == ("", False)
    (tmp_path / f"demo-logins-{user.date_joined:%Y%m%d%H%M%S%f}").write_text("of this one")
    assert _set_up_first_clinic() == ("of this one", True)
