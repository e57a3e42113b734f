"""Verbs that say no."""

from collections.abc import Callable
from typing import Any

import pytest

from config.refusals import Refusal


def refused_as(code: str, verb: Callable[..., Any], *arguments: Any, **details: Any) -> Refusal:
    """The refusal with which `verb` answers, which has this code."""
    with pytest.raises(Refusal) as refusal:
        verb(*arguments, **details)
    assert refusal.value.code == code
    return refusal.value
