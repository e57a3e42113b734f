"""The negative control of the races: the same application, with the lock on devices taken away."""

import os

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
django.setup()

from rentals import deciding  # noqa: E402

deciding.lock_devices = lambda ids: {}  # before the verbs are loaded, which take it by name

from config.wsgi import application  # noqa: E402

__all__ = ["application"]
