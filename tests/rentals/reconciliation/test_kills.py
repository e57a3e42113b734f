"""A worker killed while it imports (`kill -9`): few kills here, many in `drills/imports.py`."""

import pytest
from django.core.management import call_command

from tests.interrupted import everything, import_cleanly, import_under_kills, parts_of
from tests.usage import CLINIC_A, LATER, load_clinic_a

FILES, KILLS_A_FILE = 2, 2


@pytest.mark.django_db(transaction=True)
def test_imports_whose_workers_are_killed_end_as_those_of_a_clean_run(queue):
    files = parts_of((CLINIC_A / "usage.csv").read_bytes(), FILES)
    load_clinic_a()
    seconds = import_cleanly(files, LATER)
    clean = everything(LATER)
    call_command("flush", interactive=False, verbosity=0)
    load_clinic_a()
    import_under_kills(files, seconds, KILLS_A_FILE, LATER)
    found = everything(LATER)
    assert [what for what in clean if found[what] != clean[what]] == []
