"""The environment is read strictly: what is wrong is said in one line, never guessed."""

from pathlib import Path

import pytest

from config import environment
from config.environment import WrongEnvironment


@pytest.fixture(autouse=True)
def _nothing_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "SECRET_KEY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(f"{name}_FILE", raising=False)


def test_text_is_read_from_the_named_file_without_its_line_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "secret").write_text("from a file\n")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "secret"))
    assert environment.text("SECRET_KEY") == "from a file"


def test_name_and_file_together_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_KEY", "one")
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "two"))
    with pytest.raises(WrongEnvironment, match="both set"):
        environment.text("SECRET_KEY")


def test_file_that_cannot_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SECRET_KEY_FILE", str(tmp_path / "missing"))
    with pytest.raises(WrongEnvironment, match="SECRET_KEY_FILE cannot be read"):
        environment.text("SECRET_KEY")


@pytest.mark.parametrize(("value", "read"), [("", False), ("0", False), ("1", True)])
def test_flag_is_0_or_1(monkeypatch: pytest.MonkeyPatch, value: str, read: bool):
    monkeypatch.setenv("DEMO", value)
    assert environment.flag("DEMO") == read


def test_flag_with_another_value_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DEMO", "yes")
    with pytest.raises(WrongEnvironment, match="DEMO is 'yes'"):
        environment.flag("DEMO")


def test_words_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ALLOWED_HOSTS", "desk.example, other.example ,")
    assert environment.words("ALLOWED_HOSTS") == ["desk.example", "other.example"]


def test_url_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "mysql://desk@database.example/callus")
    with pytest.raises(WrongEnvironment, match="DATABASE_URL must begin with postgres:// or postgresql://"):
        environment.url("DATABASE_URL", environment.POSTGRES_SCHEMES)


def test_neither_url_means_embedded_servers():
    assert environment.is_embedded()


def test_both_urls_mean_servers_of_ones_own(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://desk@database.example/callus")
    monkeypatch.setenv("REDIS_URL", "rediss://queue.example/0")
    assert not environment.is_embedded()


@pytest.mark.parametrize(("given", "missing"), [("DATABASE_URL", "REDIS_URL"), ("REDIS_URL", "DATABASE_URL")])
def test_one_url_without_the_other_is_refused(monkeypatch: pytest.MonkeyPatch, given: str, missing: str):
    monkeypatch.setenv(given, "redis://somewhere.example")
    with pytest.raises(WrongEnvironment, match=f"{given} is set but {missing} is not"):
        environment.is_embedded()


@pytest.mark.parametrize(
    ("redis_url", "broker"),
    [
        ("redis://queue.example:6379/2", "redis://queue.example:6379/2"),
        ("unix:///var/valkey.sock?db=3", "redis+socket:///var/valkey.sock?virtual_host=3"),
        ("unix:///var/valkey.sock", "redis+socket:///var/valkey.sock?virtual_host=0"),
    ],
)
def test_broker_is_the_same_queue_in_celerys_words(redis_url: str, broker: str):
    assert environment.broker(redis_url) == broker
