"""What all views of the API have in common: one table of operations, strict input, one moment a request."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, ClassVar, cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone
from django.utils.translation import gettext as _
from django_filters.rest_framework import DjangoFilterBackend, FilterSet
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.generics import GenericAPIView
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.pagination import BasePagination
from rest_framework.parsers import BaseParser
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from config.limits import LARGEST_FORM
from config.models import User
from config.roles import MATRIX
from patients.access import record_access
from patients.models import Access
from rentals.api.errors import TooLarge
from rentals.api.fields import unknown_field
from rentals.api.idempotency import answer_once, is_form
from rentals.api.pagination import Pagination
from rentals.api.parsers import JSONParser

PIECE = 64 * 1024


@dataclass(frozen=True)
class Operation:
    """One method of one address: its name in the documentation, who may call it, what goes in and out."""

    id: str
    action: str
    output: type[Serializer]
    input: type[Serializer] = Serializer
    form: type[Serializer] | None = None  # the same as a multipart form, where that is taken too
    query: type[Serializer] = Serializer
    status: int = 200
    repeatable: bool = False  # a POST that only reads: its answers are not kept
    refuses: bool = False  # a GET that a rule may refuse


class AlwaysJSON(BaseContentNegotiation):
    """There is one format to answer in, whatever the caller would rather have."""

    def select_parser(self, request: Request, parsers: Iterable[Any]) -> Any:
        media_type = request.content_type.partition(";")[0].strip().lower()
        return next((parser for parser in parsers if parser.media_type == media_type), None)

    def select_renderer(self, request: Request, renderers: Any, format_suffix: str | None = None) -> Any:
        return renderers[0], renderers[0].media_type


class Endpoint(GenericAPIView):
    """A view whose `operations` say what its methods do.

    What a POST does stands in `act`, which gets what the address names: read the body, call one verb, answer.
    """

    operations: ClassVar[dict[str, Operation]]
    act: Callable[..., Response]
    parser_classes: Sequence[type[BaseParser]] = (JSONParser,)
    content_negotiation_class = AlwaysJSON
    filter_backends: Sequence[Any] = ()
    pagination_class: type[BasePagination] | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Refuse, when the code is loaded, a view about whose use nobody has decided."""
        super().__init_subclass__(**kwargs)
        operations = getattr(cls, "operations", None)
        actions = {operation.action for operation in (operations or {}).values()}
        if not cls.__name__.startswith("Base") and (not actions or actions - MATRIX.keys()):
            raise ImproperlyConfigured(f"{cls.__name__} names no action of config/roles.py.")

    @property
    def allowed_methods(self) -> list[str]:
        return list(self.operations)

    @property
    def operation(self) -> Operation:
        return self.operations["GET" if self.request.method == "HEAD" else str(self.request.method)]

    @property
    def actor(self) -> User:
        return cast(User, self.request.user)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        self.now = timezone.now()  # the one moment of this request, UTC
        super().initial(request, *args, **kwargs)
        refuse_large_body(request)
        refuse_unknown(request.query_params, self.known_parameters())
        refuse_empty(request.query_params)

    def finalize_response(self, request: Any, response: Any, *args: Any, **kwargs: Any) -> Any:
        read_to_the_end(self.request._request)
        return super().finalize_response(request, response, *args, **kwargs)

    def known_parameters(self) -> set[str]:
        return set(self.operation.query().fields)

    def post(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if self.operation.repeatable:
            return self.act(**kwargs)
        return answer_once(request, lambda: self.respond(**kwargs))

    def respond(self, **kwargs: Any) -> Response:
        try:
            return self.act(**kwargs)
        except Exception as error:
            return self.handle_exception(error)

    def read(self) -> dict[str, Any]:
        """The body, its shapes checked."""
        return self.checked(self.operation.input, self.request.data)

    def read_query(self) -> dict[str, Any]:
        """The parameters of the query, their shapes checked."""
        return self.checked(self.operation.query, self.request.query_params.dict())

    def checked(self, shape: type[Serializer], data: Any) -> dict[str, Any]:
        serializer = shape(data=data, context=self.get_serializer_context())
        serializer.is_valid(raise_exception=True)
        return serializer.validated_data

    def answer(self, result: object) -> Response:
        shape = self.operation.output(result, context=self.get_serializer_context())
        return Response(shape.data, status=self.operation.status)

    def get_serializer_context(self) -> dict[str, Any]:
        return {"request": self.request, "now": self.now}


class StrictFilterBackend(DjangoFilterBackend):
    """Filters by the view's `filterset_class`; a value that means nothing is a 400."""

    raise_exception = True


class BaseList(Endpoint):
    """A GET that answers pages of `rows`: all that the user may see, in an order that is always the same."""

    rows: Callable[..., Any]
    pagination_class = Pagination
    filterset_class: type[FilterSet] | None = None

    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.rows(**kwargs)))
        record_access(self.actor, self.patients_on(page), Access.Action.LISTED, self.now)
        shape = self.operation.output(page, many=True, context=self.get_serializer_context())
        return self.get_paginated_response(shape.data)

    def patients_on(self, page: Any) -> Iterable[int]:
        """Ids of the patients whose records the page shows (I10)."""
        return ()

    def known_parameters(self) -> set[str]:
        if self.request.method == "POST":
            return set()
        return {"page", "page_size"} | set(self.filterset_class.base_filters if self.filterset_class else ())


def refuse_unknown(given: Iterable[str], known: set[str]) -> None:
    """A misspelt name must not be passed over in silence: it would find everything, or leave out a wish."""
    unknown = {name: [unknown_field(known)] for name in given if name not in known}
    if unknown:
        raise ValidationError(unknown)


def refuse_empty(given: Mapping[str, str]) -> None:
    """A parameter without a value would be passed over like a misspelt one."""
    empty = {name: [ErrorDetail(_("Give it a value, or leave it out."), "blank")] for name in given if not given[name]}
    if empty:
        raise ValidationError(empty)


def refuse_large_body(request: Request) -> None:
    """Answer 413 to more than one request may carry."""
    most = LARGEST_FORM if is_form(request) else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    length = request.META.get("CONTENT_LENGTH") or "0"
    if length.isdigit() and int(length) > most:
        raise TooLarge


def read_to_the_end(request: HttpRequest) -> None:
    """Take what is still being sent; a server that answers and hangs up before loses its answer on the way."""
    with suppress(OSError):  # nobody is there to be answered
        for _ in range(LARGEST_FORM // PIECE):
            if not request.read(PIECE):
                return
