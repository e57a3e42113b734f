"""Reading JSON, strictly."""

import json
from collections.abc import Mapping
from typing import IO, Any

from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser
from rest_framework.utils.json import strict_constant


class JSONParser(BaseParser):
    """UTF-8 JSON without NaN, of sane depth, every text of which can be stored."""

    media_type = "application/json"

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        try:
            parsed = json.loads(stream.read().decode(), parse_constant=strict_constant)
            json.dumps(parsed, ensure_ascii=False).encode()  # half a surrogate pair is no text
        except (ValueError, RecursionError) as error:
            raise ParseError(_("The body is not JSON in UTF-8; check its brackets, quotes and characters.")) from error
        return parsed
