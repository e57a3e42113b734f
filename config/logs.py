"""Log lines that carry no patient data and no key, and cannot be forged."""

import logging
import re
from types import TracebackType

from config.keys import without_keys

# PostgreSQL repeats the refused row, with names and birth dates, in these parts of its messages; they end
# with the line, which an error quoted inside another one shows as a backslash and an n.
ROW_CONTENTS = re.compile(r"\b(DETAIL|CONTEXT|HINT|LINE \d+): .*?(?=\\n|\n|$)")


class DiscreetFormatter(logging.Formatter):
    """Leaves out what PostgreSQL says about a row's contents and the keys in addresses; keeps a message on one line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = _discreet(record.message).replace("\r", "\\r").replace("\n", "\\n")
        return super().formatMessage(record)

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return _discreet(super().formatException(ei))


def _discreet(text: str) -> str:
    return without_keys(ROW_CONTENTS.sub(r"\1: (left out)", text))
