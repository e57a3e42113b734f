"""What every page of Callus has around it, and the way in and out."""

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRefresh

from config.health import silences


def surroundings(request: HttpRequest) -> dict[str, Any]:
    """For the templates: whether this is the demo, which every page says, and what staff must know is silent; asked
    where a page shows it. And what the reader has chosen: the languages there are, whether single keys do something."""
    return {
        "demo": settings.DEMO,
        "silences": silences,
        "languages": [code for code, _ in settings.LANGUAGES],
        "shortcuts": request.COOKIES.get(settings.SHORTCUTS_COOKIE_NAME) != "off",
    }


@require_POST
def choose_shortcuts(request: HttpRequest) -> HttpResponseRedirect:
    """Switch the keys that work by themselves on or off in this browser: whoever speaks to a computer, or strays on
    the keyboard, presses them unawares (WCAG 2.1.4)."""
    where = request.POST.get("next", "")
    here = {request.get_host()}
    safe = url_has_allowed_host_and_scheme(where, allowed_hosts=here, require_https=request.is_secure())
    answer = HttpResponseRedirect(where if safe else "/")
    answer.set_cookie(
        settings.SHORTCUTS_COOKIE_NAME,
        "off" if request.POST.get("shortcuts") == "off" else "on",
        max_age=settings.LANGUAGE_COOKIE_AGE,
        secure=settings.LANGUAGE_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
    return answer


@method_decorator(login_not_required, name="dispatch")
class SignIn(LoginView):
    template_name = "config/sign_in.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        # A part of a page was asked for after the session had ended: the whole page must come here.
        if "HX-Request" in request.headers:
            return HttpResponseClientRefresh()
        return super().dispatch(request, *args, **kwargs)
