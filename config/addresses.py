"""From where a request came, as far as that can be believed."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str | None:
    """The internet address of whoever asks; None where only a proxy's is known.

    A header counts where the deployment names it (`CLIENT_ADDRESS_HEADER`), for its proxy writes it anew.
    """
    header = settings.CLIENT_ADDRESS_HEADER
    said = request.headers.get(header, "") if header else request.META.get("REMOTE_ADDR", "")
    try:
        address = ip_address(said.strip())
    except ValueError:
        return None
    return str(address) if settings.LOCAL or not address.is_loopback else None
