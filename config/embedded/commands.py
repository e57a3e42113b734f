"""Which commands need the embedded servers, and how they get them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager


@contextmanager
def servers_for(arguments: Sequence[str]) -> Iterator[None]:
    """Have the embedded servers up while a command runs, when it needs them."""
    yield
