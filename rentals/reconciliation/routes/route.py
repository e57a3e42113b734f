"""What a source of usage data is."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import IO, TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from django_stubs_ext import StrOrPromise

ROUTES: dict[str, "Route"] = {}


class RouteFailed(Exception):
    """Why a source could not be read, in a sentence for the person at the desk.

    `from_the_start`: it has to be read from its beginning, for it does not know where we were.
    """

    def __init__(self, sentence: str, *, from_the_start: bool = False) -> None:
        super().__init__(sentence)
        self.from_the_start = from_the_start


@dataclass(frozen=True)
class Delivery:
    """One import to be: its content in one of the two formats, None where there is none, only a cursor that moved.

    `cursor`: where the source goes on after it. `settle` is called when it is safely queued, with "", or with the
    reason why it was refused.
    """

    name: str
    content: IO[bytes] | None
    cursor: str = ""
    settle: Callable[[str], None] = lambda refused: None


class Route(ABC):
    """One source. Its `name` (at most 7 letters) is kept with each import and with how far the source was read."""

    name: ClassVar[str]
    title: "ClassVar[StrOrPromise]"
    settings: ClassVar[str]  # the names of those that open it, for the person at the desk
    keeps_its_place: ClassVar[bool] = False  # by a cursor, which can be put back to the beginning

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        ROUTES[cls.name] = cls()

    @abstractmethod
    def is_set_up(self) -> bool: ...

    @abstractmethod
    def deliveries(self, cursor: str, at: datetime) -> Iterator[Delivery]:
        """What came since `cursor`, one after the other; each is queued before the next is asked for.

        Raises `RouteFailed`; what was delivered before stays.
        """
