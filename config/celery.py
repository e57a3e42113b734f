"""The Celery application: the schedule of the desk, and the signs of life that /readyz reads."""

import os
from typing import TYPE_CHECKING

from celery import Celery, bootsteps, signals

if TYPE_CHECKING:
    from celery.worker.consumer import Consumer

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

app = Celery("callus")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()

# `expires` a little under the period: a scheduler that was away sends one poke, not a heap of them.
app.conf.beat_schedule = {
    "plan reminders": {"task": "rentals.tasks.plan_reminders", "schedule": 300, "options": {"expires": 290}},
    "sweep messages": {"task": "rentals.tasks.sweep_messages", "schedule": 60, "options": {"expires": 55}},
    "take reports": {"task": "rentals.tasks.take_reports", "schedule": 300, "options": {"expires": 290}},
    "mend plans": {"task": "rentals.tasks.mend_plans", "schedule": 60, "options": {"expires": 55}},
    "place at risk": {"task": "rentals.tasks.place_at_risk", "schedule": 3600, "options": {"expires": 3500}},
    "sweep offers": {"task": "rentals.tasks.sweep_offers", "schedule": 60, "options": {"expires": 55}},
    "sweep imports": {"task": "rentals.tasks.sweep_imports", "schedule": 60, "options": {"expires": 55}},
    "sweep silence": {"task": "rentals.tasks.sweep_silence", "schedule": 3600, "options": {"expires": 3500}},
    "fetch usage": {"task": "rentals.tasks.fetch_all_usage", "schedule": 60, "options": {"expires": 55}},
    "propose purchases": {
        "task": "rentals.tasks.propose_deemed_purchases",
        "schedule": 3600,
        "options": {"expires": 3500},
    },
    "forget answers": {"task": "rentals.tasks.forget_stored_answers", "schedule": 3600, "options": {"expires": 3500}},
    "forget links": {"task": "rentals.tasks.forget_links", "schedule": 3600, "options": {"expires": 3500}},
}

SECONDS_BETWEEN_SIGNS = 10


class SignsOfLife(bootsteps.StartStopStep):
    """A worker's main process gives a sign while it has a connection, also while all its children are busy.

    Celery's own heartbeat events stay off (`--without-heartbeat`): without a broker a worker that is to end
    tries to send them for ever.
    """

    requires = ("celery.worker.consumer.connection:Connection",)

    def start(self, parent: "Consumer") -> None:
        from config.health import give_sign

        give_sign("workers")
        self.timer = parent.timer.call_repeatedly(SECONDS_BETWEEN_SIGNS, give_sign, ("workers",))

    def stop(self, parent: "Consumer") -> None:
        self.timer.cancel()


app.steps["consumer"].add(SignsOfLife)


@signals.worker_init.connect
@signals.beat_init.connect
def refuse_a_wrong_set_up(**_: object) -> None:
    from config.checks import refuse_wrong_set_up

    refuse_wrong_set_up()


@signals.beat_init.connect
def scheduler_lives(**_: object) -> None:
    """The scheduler's process gives a sign when it starts and whenever it has sent a task."""
    from config.health import give_sign

    give_sign("scheduler")
    signals.after_task_publish.connect(lambda **_: give_sign("scheduler"), weak=False)
