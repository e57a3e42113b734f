"""The web application. A deployment with a wrong set-up does not start."""

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
application = get_wsgi_application()

from config.checks import refuse_wrong_set_up  # noqa: E402  (needs the applications loaded)

refuse_wrong_set_up()
