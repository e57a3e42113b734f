"""The ways by which usage data comes in. All of them end in one: `imports.queue_import`, then the worker.

- Upload at the desk (`desk/views/usage.py`) and over the API (`api/views/usage.py`): a person or a program sends a
  file, or read-outs, and an import is queued at once. Nothing is fetched, so there is nothing to keep.
- A typed screen reading (`devices/readings.py`) is a read-out of one number: it is trusted or flagged by the same
  rules, at once, for the person who typed it waits.
- Outside sources, each a small class in a file of this package: a watched folder and an HTTP gateway. The scheduler
  has them looked at each minute (`fetching.py`); what they deliver is queued like an upload.

The same data by two routes changes nothing (I7), so a source may deliver again whatever it likes.
To add a source, add one file here with a subclass of `Route`; its settings stand in `config/settings.py`.
"""

import importlib
import pkgutil

from rentals.reconciliation.routes.route import ROUTES, Delivery, Route, RouteFailed

__all__ = ["ROUTES", "Delivery", "Route", "RouteFailed"]

for _module in pkgutil.iter_modules(__path__, f"{__name__}."):
    importlib.import_module(_module.name)
