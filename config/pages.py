"""What every page of Callus has around it, and the way in and out."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django_htmx.http import HttpResponseClientRefresh

from config.health import silences


def surroundings(request: HttpRequest) -> dict[str, Any]:
    """For the templates: whether this is the demo, which every page says, and what staff must know is silent; asked
    where a page shows it."""
    return {"demo": settings.DEMO, "silences": silences, "languages": [code for code, _ in settings.LANGUAGES]}


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    template_name = "config/sign_in.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # A part of a page was asked for after the session had ended: the whole page must come here.
        if "HX-Request" in request.headers:
            return HttpResponseClientRefresh()
        return super().dispatch(request, *args, **kwargs)
