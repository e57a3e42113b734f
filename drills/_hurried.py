"""The scheduler of a desk that sweeps messages each five seconds, not each minute: for drills that wait for it."""

from config.celery import app

SECONDS = 5

app.conf.beat_schedule["sweep messages"]["schedule"] = SECONDS
app.conf.beat_schedule["sweep messages"]["options"] = {"expires": SECONDS - 1}

__all__ = ["app"]
