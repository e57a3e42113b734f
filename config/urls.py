from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LogoutView
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt
from django.views.i18n import set_language

from config import health, mail_service, pages
from config.welcome import Welcome

urlpatterns = [
    path("healthz", health.alive),
    path("readyz", health.ready),
    path("sign-in/", pages.SignIn.as_view(), name="sign-in"),
    path("sign-out/", login_not_required(LogoutView.as_view()), name="sign-out"),
    # Patients' pages tell nobody where a form comes from; and whoever sends one from elsewhere changes a language only.
    path("language/", login_not_required(csrf_exempt(set_language)), name="language"),
    path("shortcuts/", pages.choose_shortcuts, name="shortcuts"),
    path("welcome/<str:key>/", Welcome.as_view(), name="welcome"),
    path("mail/", include(mail_service.webhooks(settings.EMAIL_SERVICE if settings.WEBHOOK_SECRET else ""))),
    path("api/v1/", include("rentals.api.urls")),
    path("", include("rentals.desk.keyed_urls")),
    path("", include("rentals.portal.urls")),
    path("", include("rentals.desk.urls")),
]
