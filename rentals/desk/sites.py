"""The site that somebody works at: chosen once, kept in the session."""

from collections.abc import Sequence

from django.http import Http404, HttpRequest

from config.models import Clinic

KEY = "site"


def chosen_site(request: HttpRequest, sites: Sequence[Clinic]) -> Clinic:
    """The one of `sites` (those the user may see) that was chosen last, or the first."""
    if not sites:
        raise Http404("No clinic has been opened yet.")
    chosen = request.session.get(KEY)
    return next((site for site in sites if site.pk == chosen), sites[0])


def choose_site(request: HttpRequest, site: Clinic) -> None:
    request.session[KEY] = site.pk
