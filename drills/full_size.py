"""T2, T3, T12: random lives of rentals, random requests against the API's description, and generated fleets, many more
than the suite has; and each page in light and dark at each size, of which the suite looks at two ways.

CALLUS_LIVES lives (100 unless set) of 60 steps, CALLUS_EXAMPLES requests (100 unless set) of each operation,
CALLUS_FLEETS fleets, and lives of one device (20 unless set). CALLUS_LOOKS is for the pages.
"""

import os
import subprocess
import sys

from tests.running import CHECKOUT

SIZES = {"CALLUS_LIVES": "100", "CALLUS_EXAMPLES": "100", "CALLUS_FLEETS": "20", "CALLUS_LOOKS": "all"}
TESTS = (
    "tests/rentals/test_life_of_a_rental.py",
    "tests/rentals/api/test_schema_conformance.py",
    "tests/rentals/reconciliation/test_fleets.py",
    "tests/rentals/reconciliation/test_recompute.py",
    "tests/browser/test_pages.py",
    "tests/browser/test_portal.py",
    "tests/browser/test_offer.py",
    "tests/browser/test_signing.py",
)


def drill() -> dict[str, str]:
    size = {name: os.environ.get(name, standard) for name, standard in SIZES.items()}
    # The tests choose their own servers, beside those of the drill.
    others = {name: value for name, value in os.environ.items() if name != "CALLUS_STATE_DIR"}
    figures = {}
    for test in TESTS:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", test],
            cwd=CHECKOUT,
            env={**others, **size},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout[-5000:]
        figures[test] = done.stdout.splitlines()[-1]
    return size | figures
