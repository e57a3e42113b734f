"""`?page= &page_size=`, up to 1000 rows a page."""

from django.utils.translation import gettext as _
from rest_framework.exceptions import ValidationError
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request

LARGEST_PAGE = 1000


class Pagination(PageNumberPagination):
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = LARGEST_PAGE

    def get_page_size(self, request: Request) -> int:
        """The size asked for; a page nobody can get is refused rather than quietly another size."""
        asked = request.query_params.get("page_size")
        if asked is None:
            return self.page_size
        # Digits of other scripts are digits to Python too.
        size = int(asked) if asked.isascii() and asked.isdigit() and len(asked) <= 4 else 0
        if not 1 <= size <= LARGEST_PAGE:
            raise ValidationError({"page_size": _("Write a number from 1 to %(largest)s.") % {"largest": LARGEST_PAGE}})
        return size

    def get_schema_operation_parameters(self, view: object) -> list[dict[str, object]]:
        whole = {"type": "integer", "minimum": 1}
        return [
            {"name": "page", "in": "query", "required": False, "schema": whole},
            {"name": "page_size", "in": "query", "required": False, "schema": whole | {"maximum": LARGEST_PAGE}},
        ]
