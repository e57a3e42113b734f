"""A right production set-up starts in silence; a wrong one does not start, and says what to do."""

import os
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import LazySettings
from django.test import override_settings

from config.checks import refuse_wrong_set_up

CHECKOUT = Path(__file__).resolve().parents[2]
RIGHT = {
    "DATABASE_URL": "postgresql://callus@database.example/callus",
    "REDIS_URL": "rediss://queue.example/0",
    "EMAIL_URL": "smtp+tls://callus@mail.example:587",
    "ALLOWED_HOSTS": "desk.example",
    "SECRET_KEY": secrets.token_urlsafe(64),
}


def python(*arguments: str, tmp_path: Path, **changed: str) -> "subprocess.CompletedProcess[str]":
    given = {**RIGHT, "CALLUS_STATE_DIR": str(tmp_path / "var"), "PATH": os.environ["PATH"], **changed}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env={name: value for name, value in given.items() if value},
        capture_output=True,
        text=True,
    )


def test_right_set_up_passes_the_deployment_check_without_a_word(tmp_path: Path):
    checked = python("manage.py", "check", "--deploy", "--fail-level", "WARNING", tmp_path=tmp_path)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert checked.stdout == "System check identified no issues (0 silenced).\n"


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"SECRET_KEY": ""}, "SECRET_KEY is missing or shorter than 50 characters"),
    ({"SECRET_KEY": "short"}, "SECRET_KEY is missing or shorter than 50 characters"),
    ({"ALLOWED_HOSTS": []}, "ALLOWED_HOSTS does not say"),
    ({"ALLOWED_HOSTS": ["*"]}, "ALLOWED_HOSTS does not say"),
    ({"EMAIL_URL": ""}, "EMAIL_URL is not set"),
    ({"USAGE_GATEWAY_URL": "http://gateway.example"}, "USAGE_GATEWAY_URL is not https"),
    ({"BOUNCE_MAILBOX_URL": "imap://a:b@mail.example/INBOX"}, "BOUNCE_MAILBOX_URL is not imaps"),
]


@pytest.fixture
def right(settings: LazySettings) -> LazySettings:
    """The settings of a deployment with which it starts."""
    settings.LOCAL = False
    settings.ALLOWED_HOSTS = [RIGHT["ALLOWED_HOSTS"]]
    settings.EMAIL_URL, settings.SECRET_KEY = RIGHT["EMAIL_URL"], RIGHT["SECRET_KEY"]
    settings.USAGE_GATEWAY_URL = settings.BOUNCE_MAILBOX_URL = ""
    refuse_wrong_set_up()
    return settings


@pytest.mark.parametrize(("changed", "said"), WRONG)
def test_one_wrong_setting_is_refused(right: LazySettings, changed: dict[str, Any], said: str):
    with override_settings(**changed), pytest.raises(SystemExit) as refused:
        refuse_wrong_set_up()
    assert said in str(refused.value)


def test_wrong_set_up_does_not_start_and_says_all_that_is_wrong(tmp_path: Path):
    changed = {name: value for one, _ in WRONG for name, value in one.items()}
    changed["ALLOWED_HOSTS"] = ",".join(changed["ALLOWED_HOSTS"])
    started = python("-c", "import config.wsgi", tmp_path=tmp_path, **changed)
    assert started.returncode == 1
    assert [said for _, said in WRONG if said not in started.stderr] == []
    assert "Traceback" not in started.stderr


def test_right_set_up_starts(tmp_path: Path):
    assert python("-c", "import config.wsgi", tmp_path=tmp_path).returncode == 0


def test_a_mail_service_serves_as_well_as_a_mail_server_but_not_both(tmp_path: Path):
    service = {"EMAIL_SERVICE": "postmark", "ANYMAIL_POSTMARK_SERVER_TOKEN": "t"}
    assert python("-c", "import config.wsgi", tmp_path=tmp_path, EMAIL_URL="", **service).returncode == 0
    both = python("manage.py", "migrate", tmp_path=tmp_path, **service)
    assert (both.returncode, len(both.stderr.splitlines())) == (1, 1)
    assert "EMAIL_URL and EMAIL_SERVICE are both set" in both.stderr


def test_deployment_makes_no_secret_of_its_own(tmp_path: Path):
    shown = python(
        "-c", "from config.settings import SECRET_KEY; print(repr(SECRET_KEY))", tmp_path=tmp_path, SECRET_KEY=""
    )
    assert shown.stdout == "''\n"
    assert not (tmp_path / "var").exists()


@pytest.mark.parametrize("missing", ["DATABASE_URL", "REDIS_URL"])
def test_one_url_without_the_other_is_refused_in_one_line(tmp_path: Path, missing: str):
    refused = python("manage.py", "migrate", tmp_path=tmp_path, **{missing: ""})
    assert refused.returncode == 1
    assert refused.stderr.startswith("Callus: ")
    assert len(refused.stderr.splitlines()) == 1


def test_local_run_keeps_a_random_secret_and_serves_this_machine_only(tmp_path: Path):
    show = "from config.settings import SECRET_KEY, ALLOWED_HOSTS; print(SECRET_KEY, *ALLOWED_HOSTS)"
    local = dict.fromkeys(RIGHT, "")
    first = python("-c", show, tmp_path=tmp_path, **local).stdout.split()
    second = python("-c", show, tmp_path=tmp_path, **local).stdout.split()
    assert first == second
    assert len(first[0]) >= 50
    assert first[1:] == ["localhost", "127.0.0.1", "[::1]"]
    assert (tmp_path / "var" / "secret-key").stat().st_mode & 0o777 == 0o600
