"""Chance that falls the same way each time the demo is made."""

from random import Random


def chance_of(*what: object) -> Random:
    """The chance of what is named so, whatever else is told before it."""
    return Random(" ".join(map(str, what)))  # noqa: S311  (nothing secret comes of it)
