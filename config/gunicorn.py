"""The web server. `gunicorn -c config/gunicorn.py config.wsgi` in a deployment; `make run` adds its port."""

from typing import Any

from gunicorn.glogging import Logger

from config.logs import DiscreetFormatter

wsgi_app = "config.wsgi"
bind = "127.0.0.1:8000"
worker_class = "gthread"
workers = 2
threads = 8
preload_app = True  # a wrong set-up ends the whole server at once, with its message
timeout = 60
graceful_timeout = 5
raw_env = ["CALLUS_DATABASE_POOL=1"]
control_socket_disable = True
accesslog = "-"
access_log_format = "%(m)s %(U)s %(s)s %(M)sms"  # %(U)s is the path alone: a query may name a person


class DiscreetLogger(Logger):
    """Writes the server's own lines, of requests and of faults, as discreetly as ours: an address may hold a key."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in (*self.access_log.handlers, *self.error_log.handlers):
            handler.setFormatter(DiscreetFormatter(handler.formatter._fmt, handler.formatter.datefmt))


logger_class = DiscreetLogger
