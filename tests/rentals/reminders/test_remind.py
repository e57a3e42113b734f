"""The doors: `manage.py remind` and the scheduler's tasks, with the queue alive or dead."""

import json
import subprocess
import sys

import pytest
from django.core.management import CommandError, call_command

from rentals import tasks
from rentals.models import Message
from rentals.reminders import outbox, plan
from tests.rentals.reminders.moments import days_overdue, overdue

pytestmark = pytest.mark.django_db


def remind(capsys, now):
    call_command("remind", now=now.isoformat())
    return capsys.readouterr().out.strip()


def test_remind_makes_one_pass_and_counts_it(active, sink, settings, capsys):
    settings.EMBEDDED = True
    assert remind(capsys, days_overdue(active, 4)) == "planned 1  sent 1  retry 0  failed 0  unknown 0  void 1"
    assert remind(capsys, days_overdue(active, 4)) == "planned 0  sent 0  retry 0  failed 0  unknown 0  void 0"
    assert sink.message_ids.total() == 1


def test_remind_without_a_moment_acts_now(sink, capsys):
    call_command("remind")
    assert capsys.readouterr().out.strip() == "planned 0  sent 0  retry 0  failed 0  unknown 0  void 0"


def test_remind_follows_the_real_clock_outside_the_embedded_mode(settings):
    settings.EMBEDDED = False
    with pytest.raises(CommandError, match="embedded mode only"):
        call_command("remind", now="2026-11-30T09:00+11:00")


@pytest.mark.parametrize("now", ["2026-11-30T09:00", "tomorrow", "2026-13-30T09:00+11:00"])
def test_remind_wants_a_moment_with_its_offset(settings, now):
    settings.EMBEDDED = True
    with pytest.raises(CommandError, match=r"write one like 2026-11-30T09:00\+11:00"):
        call_command("remind", now=now)


def test_pokes_carry_an_id_and_nothing_of_a_patient(active, queue):
    tasks.poke(plan.plan_reminders(days_overdue(active, 1)).messages)
    [poke] = queue.lrange("celery", 0, -1)
    assert active.patient.email not in poke.decode()
    message = json.loads(poke)
    assert message["headers"]["task"] == "rentals.tasks.send_messages"
    assert message["headers"]["argsrepr"] == f"([{Message.objects.get().pk}],)"


@pytest.mark.django_db(transaction=True)
def test_a_dead_queue_loses_nothing(process_environment):
    rental = overdue()
    messages = plan.plan_reminders(days_overdue(rental, 1)).messages
    program = f"import django; django.setup(); from rentals import tasks; tasks.poke({messages * 50})"
    surroundings = {**process_environment, "REDIS_URL": "redis://127.0.0.1:1/0"}
    process = subprocess.run(
        [sys.executable, "-c", program], env=surroundings, capture_output=True, text=True, timeout=20
    )
    assert process.returncode == 0, process.stderr
    assert process.stderr.count("messages wait for the next sweep") == 1
    assert outbox.due_messages(days_overdue(rental, 1)) == messages
