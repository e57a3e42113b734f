"""The measurements. Each module here has a function `measure()` that returns a list of Measurement."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """Ours against a named yardstick, both in seconds and both from the same run."""

    what: str
    seconds: float
    yardstick: str
    yardstick_seconds: float

    @property
    def ratio(self) -> float:
        return self.seconds / self.yardstick_seconds
