"""Whether the role of who asks allows it (config/roles.py); nothing is allowed by default."""

from typing import TYPE_CHECKING

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext as _
from rest_framework.exceptions import MethodNotAllowed, NotAuthenticated, PermissionDenied
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from config.roles import MATRIX, may

if TYPE_CHECKING:
    from rest_framework.views import APIView


class RolePermission(BasePermission):
    """Allows what the operation's action allows to the user's role."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        operations = getattr(view, "operations", None)
        if operations is None:
            raise ImproperlyConfigured(f"{type(view).__name__} names no action of config/roles.py.")
        if not request.user.is_authenticated:
            raise NotAuthenticated(_("Send your key: Authorization: Token <key>."))
        operation = operations.get("GET" if request.method == "HEAD" else request.method)
        if operation is None:
            raise MethodNotAllowed(str(request.method))
        if not may(request.user, operation.action):
            roles = _(" or ").join(sorted(MATRIX[operation.action]))
            words = _("Your role (%(role)s) may not do this; ask one who is %(roles)s.")
            raise PermissionDenied(words % {"role": request.user.role, "roles": roles})
        return True


class MayReadDocumentation(BasePermission):
    """Open on a machine of one's own, for those who are signed in otherwise."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        return settings.EMBEDDED or bool(request.user and request.user.is_authenticated)
