"""All settings of Callus. What differs between machines comes from the environment (config/environment.py).

Three ways to run, told apart here and nowhere else:
- embedded: neither DATABASE_URL nor REDIS_URL is set; servers from wheels, everything kept in `var/`;
- local: `make run`, embedded or with the two URLs set; this machine only, a secret kept in `var/`;
- deployed: gunicorn, worker and scheduler started by the operator; no secret has a default, and
  config/checks.py refuses to start a wrong set-up.
"""

import secrets
from pathlib import Path
from urllib.parse import urlsplit

from csp.constants import NONE, SELF
from django.contrib.messages import constants as message_levels

from config import environment
from config.embedded.layout import DATABASE, kept, layout

BASE_DIR = Path(__file__).resolve().parent.parent
STATE_DIR = environment.state_dir(BASE_DIR)

EMBEDDED = environment.is_embedded()
LOCAL = EMBEDDED or environment.flag("CALLUS_LOCAL")

DEMO = environment.flag("CALLUS_DEMO")  # set by `make run`: every page says so

DEBUG = False
SECRET_KEY = environment.text("SECRET_KEY")
ALLOWED_HOSTS = environment.words("ALLOWED_HOSTS")
if LOCAL:
    SECRET_KEY = SECRET_KEY or kept(STATE_DIR / "secret-key", lambda: secrets.token_urlsafe(64))
    ALLOWED_HOSTS = ALLOWED_HOSTS or ["localhost", "127.0.0.1", "[::1]"]

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.postgres",
    "bootstrap",
    "crispy_forms",
    "crispy_bootstrap5",
    "csp",
    "django_htmx",
    "django_tables2",
    "lucide",
    "pgtrigger",
    "pghistory",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_filters",
    "drf_standardized_errors",
    "config",
    "devices",
    "patients",
    "rentals",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "config.middleware.HistoryMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "config.pages.surroundings",
            ],
        },
    },
]

# Database and queue

if EMBEDDED:
    _layout = layout(STATE_DIR)
    _database: dict[str, object] = {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": DATABASE,
        "USER": DATABASE,
        "HOST": str(_layout.postgres_sockets),
    }
    REDIS_URL = _layout.redis_url(int(environment.text("CALLUS_REDIS_NUMBER") or 0))
else:
    _database = environment.database(environment.url("DATABASE_URL", environment.POSTGRES_SCHEMES))
    REDIS_URL = environment.url("REDIS_URL", environment.REDIS_SCHEMES)

if environment.flag("CALLUS_DATABASE_POOL"):  # set by config/gunicorn.py: one pool for the threads of a process
    _database.setdefault("OPTIONS", {})["pool"] = {"min_size": 2, "max_size": 10, "timeout": 5}  # type: ignore[index]
    _database["CONN_HEALTH_CHECKS"] = True  # or each connection would fail once after PostgreSQL was restarted
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

# Celery: rows are the truth, a task is only a poke (docs/architecture.md)

CELERY_BROKER_URL = environment.broker(REDIS_URL)
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 300,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
}
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_TIME_LIMIT = 120
CELERY_TASK_SERIALIZER = "json"
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT = 5
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = "UTC"
CELERY_BEAT_SCHEDULE_FILENAME = str(STATE_DIR / "beat-schedule")

# Where a link in a mail leads; a deployment says so itself where its first allowed name is not the one that people use

PUBLIC_URL = environment.url("PUBLIC_URL", ("https", "http")).rstrip("/")
if LOCAL:
    PUBLIC_URL = PUBLIC_URL or f"http://localhost:{environment.text('CALLUS_PORT') or environment.text('PORT') or 8000}"
else:
    PUBLIC_URL = PUBLIC_URL or f"https://{next(iter(ALLOWED_HOSTS), 'localhost').lstrip('.')}"

# E-mail: in a local run without EMAIL_URL each mail is a file under var/mail, so nothing is lost

EMAIL_URL = environment.url("EMAIL_URL", environment.EMAIL_SCHEMES)
EMAIL_SERVICE = environment.text("EMAIL_SERVICE")  # a mail service instead, by django-anymail's name of it
EMAIL_TIMEOUT = 20
DEFAULT_FROM_EMAIL = environment.text("EMAIL_FROM") or f"Callus <callus@{urlsplit(PUBLIC_URL).hostname}>"
if EMAIL_URL and EMAIL_SERVICE:
    raise environment.WrongEnvironment("EMAIL_URL and EMAIL_SERVICE are both set; unset one of them.")
if EMAIL_URL:
    globals().update(environment.email(EMAIL_URL))
    EMAIL_BACKEND = "config.mail.EmailBackend"  # SMTP that can tell whether a mail may have been accepted
elif EMAIL_SERVICE:
    EMAIL_BACKEND = f"anymail.backends.{EMAIL_SERVICE}.EmailBackend"
elif LOCAL:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = STATE_DIR / "mail"
EMAIL_PER_MINUTE = environment.number("EMAIL_PER_MINUTE", 300)  # for the whole installation

# What is heard of a mail later: reports that come back to BOUNCE_ADDRESS, or a mail service's webhooks

BOUNCE_ADDRESS = environment.address("BOUNCE_ADDRESS")
BOUNCE_MAILBOX_URL = environment.url("BOUNCE_MAILBOX_URL", environment.MAILBOX_SCHEMES)
WEBHOOK_SECRET = environment.text("WEBHOOK_SECRET")
ANYMAIL: dict[str, object] = {
    **environment.beginning_with("ANYMAIL_"),  # the service's own keys, as django-anymail names them
    "WEBHOOK_SECRET": WEBHOOK_SECRET,
    "REQUESTS_TIMEOUT": EMAIL_TIMEOUT,
    "IGNORE_UNSUPPORTED_FEATURES": True,  # without metadata a report is found by the service's own name of the mail
}

# The header in which the proxy in front says from where a request came; none is believed without

CLIENT_ADDRESS_HEADER = environment.text("CLIENT_ADDRESS_HEADER")

# Usage data

USAGE_INBOX = environment.text("USAGE_INBOX")
USAGE_GATEWAY_URL = environment.url("USAGE_GATEWAY_URL", ("http", "https"))
USAGE_GATEWAY_TOKEN = environment.text("USAGE_GATEWAY_TOKEN")

# People

AUTH_USER_MODEL = "config.User"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "today"
LOGOUT_REDIRECT_URL = "sign-in"
SESSION_COOKIE_AGE = 12 * 3600  # a working day

# Pages

CRISPY_ALLOWED_TEMPLATE_PACKS = CRISPY_TEMPLATE_PACK = "bootstrap5"
DJANGO_TABLES2_TEMPLATE = "rentals/desk/table.html"
MESSAGE_STORAGE = "django.contrib.messages.storage.session.SessionStorage"  # a cookie would hold patients' names
MESSAGE_TAGS = {message_levels.ERROR: "danger"}

# Language, time, files

LANGUAGE_CODE = "en-au"
LANGUAGES = [("en-au", "English"), ("de", "Deutsch")]  # of the pages; a site writes its mails in any language
LOCALE_PATHS = [BASE_DIR / "locale"]
LANGUAGE_COOKIE_AGE = 365 * 24 * 3600
LANGUAGE_COOKIE_HTTPONLY, LANGUAGE_COOKIE_SAMESITE = True, "Lax"
TIME_ZONE = "UTC"
USE_TZ = True
STATIC_URL = "/static/"
WHITENOISE_USE_FINDERS = True  # served from the packages themselves, so no collecting step can be forgotten
MEDIA_ROOT = STATE_DIR / "media"
DATA_UPLOAD_MAX_MEMORY_SIZE = 10 * 1024 * 1024

# The browser's side. In a local run there is no TLS, so whatever demands it is left to deployments.

SESSION_COOKIE_NAME = "sessionid" if LOCAL else "__Host-sessionid"
CSRF_COOKIE_NAME = "csrftoken" if LOCAL else "__Host-csrftoken"
LANGUAGE_COOKIE_NAME = "language" if LOCAL else "__Host-language"
SHORTCUTS_COOKIE_NAME = "shortcuts" if LOCAL else "__Host-shortcuts"
PATIENT_COOKIE_NAME = "patient" if LOCAL else "__Host-patient"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = LANGUAGE_COOKIE_SECURE = not LOCAL
SESSION_COOKIE_HTTPONLY = CSRF_COOKIE_HTTPONLY = True
SECURE_SSL_REDIRECT = not LOCAL
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
SECURE_HSTS_SECONDS = 0 if LOCAL else 365 * 24 * 3600
SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = not LOCAL
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
    },
}

# API

REST_FRAMEWORK = {
    "DEFAULT_PERMISSION_CLASSES": ["rentals.api.permissions.RolePermission"],
    "DEFAULT_AUTHENTICATION_CLASSES": ["rentals.api.authentication.TokenAuthentication"],
    "DEFAULT_PAGINATION_CLASS": "rentals.api.pagination.Pagination",
    "DEFAULT_SCHEMA_CLASS": "rentals.api.schema.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": [
        "rest_framework.parsers.JSONParser",
        "rest_framework.parsers.MultiPartParser",
    ],
    "EXCEPTION_HANDLER": "rentals.api.errors.exception_handler",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
    "COERCE_DECIMAL_TO_STRING": True,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Callus",
    "DESCRIPTION": "The rental desk of a clinic's bone-healing ultrasound devices.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.1",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "POSTPROCESSING_HOOKS": [],  # choices stand where they are used, without invented names
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# History: what pghistory has written down is never changed (I10)

PGHISTORY_APPEND_ONLY = True

# Logs: to the output, one line an entry, nothing of a patient (config/logs.py)

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "discreet": {
            "()": "config.logs.DiscreetFormatter",
            "format": "%(asctime)s %(levelname)s %(name)s %(message)s",
        },
    },
    "handlers": {"output": {"class": "logging.StreamHandler", "formatter": "discreet"}},
    "root": {"handlers": ["output"], "level": "INFO"},
    "loggers": {"django": {"handlers": [], "propagate": True}, "django.server": {"handlers": [], "propagate": True}},
}
