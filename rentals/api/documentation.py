"""The API's own description, its pages, and the answer where there is nothing."""

from typing import Any

from django.conf import settings
from django.http.response import HttpResponseBase
from django.utils import translation
from django.utils.translation import gettext as _
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.authentication import SessionAuthentication
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.views import APIView

from rentals.api.authentication import TokenAuthentication
from rentals.api.endpoint import AlwaysJSON
from rentals.api.permissions import MayReadDocumentation


class Schema(SpectacularAPIView):
    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [MayReadDocumentation]

    def dispatch(self, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """In English, whoever reads it: the words of choices stand in it, too."""
        with translation.override(settings.LANGUAGE_CODE):
            return super().dispatch(*args, **kwargs)


class Documentation(SpectacularSwaggerSplitView):
    authentication_classes = [TokenAuthentication, SessionAuthentication]
    permission_classes = [MayReadDocumentation]
    template_name = "rentals/api/documentation.html"


class Nothing(APIView):
    """Every other address under the API's root, answered in the API's own format."""

    authentication_classes = []
    permission_classes = []
    content_negotiation_class = AlwaysJSON
    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        raise NotFound(_("There is nothing at this address; each one ends with a slash, see /api/v1/docs/."))
