"""`make drill`: runs all drills, or those named, and prints their figures."""

import importlib
import pkgutil
import sys
import time
import traceback
from types import ModuleType

from django.core import management

import drills
from tests.running import fresh_database


def main(wanted: list[str]) -> int:
    with fresh_database("drill"):
        known = _drills()
        if unknown := set(wanted) - set(known):
            sys.exit(f"No such drill: {', '.join(sorted(unknown))}. There are: {', '.join(known)}.")
        held = [_run(name, known[name]) for name in wanted or known]
    print(f"{sum(held)} of {len(held)} drills held")
    return 0 if all(held) else 1


def _drills() -> dict[str, ModuleType]:
    """Return the modules with a `drill()`; the others here are scripts for a running desk."""
    names = [module.name for module in pkgutil.iter_modules(drills.__path__) if not module.name.startswith("_")]
    modules = {name: importlib.import_module(f"drills.{name}") for name in names}
    return {name: module for name, module in modules.items() if hasattr(module, "drill")}


def _run(name: str, module: ModuleType) -> bool:
    print(f"\n{name}: {(module.__doc__ or name).splitlines()[0]}", flush=True)
    started = time.monotonic()
    try:
        figures = module.drill()
    except Exception:  # one broken drill is no reason to hide the figures of the others
        traceback.print_exc()
        print(f"  NOT HELD after {time.monotonic() - started:.0f} s")
        return False
    finally:
        management.call_command("flush", interactive=False, verbosity=0)  # the next one begins with nothing
    for what, figure in figures.items():
        print(f"  {what:<50} {figure}")
    print(f"  held, in {time.monotonic() - started:.0f} s", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
