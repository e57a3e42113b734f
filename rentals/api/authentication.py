"""Who asks: `Authorization: Token <key>`."""

from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from config.models import ApiToken, User

SCHEME = "Token"


class TokenAuthentication(BaseAuthentication):
    """An active user by the key of one of their tokens; pghistory's middleware then names that user in the history."""

    def authenticate(self, request: Request) -> tuple[User, ApiToken] | None:
        scheme, _space, key = request.headers.get("Authorization", "").partition(" ")
        if scheme != SCHEME:
            return None
        token = ApiToken.objects.for_key(key.strip())
        if token is None:
            raise AuthenticationFailed(_("This key is not valid (any more); ask a manager for another one."))
        return token.user, token

    def authenticate_header(self, request: Request) -> str:
        return SCHEME
