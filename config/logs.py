"""Log lines that carry no patient data and cannot be forged."""

import logging
import re
from types import TracebackType

# PostgreSQL repeats the refused row, with names and birth dates, in these lines of its messages.
ROW_CONTENTS = re.compile(r"^(DETAIL|CONTEXT|HINT|PARAMETERS|LINE \d+):.*$", re.MULTILINE)


class DiscreetFormatter(logging.Formatter):
    """Leaves out what PostgreSQL says about a row's contents, and keeps a message on one line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        record.message = record.message.replace("\r", "\\r").replace("\n", "\\n")
        return super().formatMessage(record)

    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        return ROW_CONTENTS.sub(r"\1: (left out)", super().formatException(ei))
