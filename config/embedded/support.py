"""Whether this machine can run Callus. The Makefile asks with the system's Python, so nothing else is imported."""

import platform
import sys

OLDEST_PYTHON = (3, 11)
MACHINES = ("x86_64", "amd64", "aarch64", "arm64")


def why_unsupported(system: str, machine: str, python: tuple[int, int], libc: str) -> str:
    """Return one line that says why Callus cannot run here, or "" when it can."""
    if python < OLDEST_PYTHON:
        return f"Callus needs Python 3.11 or newer; this is {python[0]}.{python[1]}. Try: make run PYTHON=python3.11"
    if system not in ("Linux", "Darwin"):
        return f"Callus runs on Linux and macOS, not on {system}; on Windows use WSL."
    if machine.lower() not in MACHINES or (system == "Linux" and libc != "glibc"):
        return f"Callus has no embedded servers for {system} {machine} ({libc or 'no glibc'})."
    return ""


def why_unsupported_here() -> str:
    return why_unsupported(platform.system(), platform.machine(), sys.version_info[:2], platform.libc_ver()[0])


if __name__ == "__main__":
    sys.exit(why_unsupported_here() or 0)
