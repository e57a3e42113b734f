"""The watched folder: complete files only, each seen to once, nothing lost by a crash (I7)."""

import os
from datetime import UTC, datetime, timedelta

import pytest

from rentals.models import UsageImport, UsageRoute
from rentals.reconciliation.routes import fetching, folder
from tests.rentals.reconciliation.routes.conftest import run_queued


@pytest.fixture
def inbox(settings, tmp_path):
    settings.USAGE_INBOX = str(tmp_path / "inbox")
    (tmp_path / "inbox").mkdir()
    return tmp_path / "inbox"


def look(after: timedelta = folder.SETTLED + timedelta(seconds=1)) -> int:
    """Look into the folder so long after now, for files are as old as they are; returns how many were queued."""
    return fetching.fetch("folder", at=datetime.now(UTC) + after)


def names(path) -> list[str]:
    return sorted(entry.name for entry in path.iterdir())


def test_a_file_is_queued_and_moved_to_what_was_taken(site, inbox):
    (inbox / "march.csv").write_bytes(site.file)
    assert look() == 1
    queued = UsageImport.objects.get()
    assert (queued.name, queued.route, queued.uploaded_by) == ("march.csv", "folder", None)
    assert (names(inbox), names(inbox / "taken")) == (["refused", "taken"], ["march.csv"])
    run_queued()
    assert site.has_it_all()
    assert look() == 0


def test_a_file_that_is_still_being_written_is_left_alone_until_it_is_whole(site, inbox):
    half = len(site.file) // 2
    (inbox / "march.csv").write_bytes(site.file[:half])
    assert look(timedelta(seconds=20)) == 0
    with (inbox / "march.csv").open("ab") as file:
        file.write(site.file[half:])
    assert look(timedelta(seconds=20)) == 0
    assert look() == 1
    run_queued()
    assert site.has_it_all()


def test_a_file_with_an_old_date_is_new_all_the_same(site, inbox):
    (inbox / "march.csv").write_bytes(site.file)
    os.utime(inbox / "march.csv", (0, 0))
    assert look(timedelta(seconds=20)) == 0


@pytest.mark.parametrize("name", [".march.csv", "march.csv.part", "march.csv.TMP", "march.csv~"])
def test_a_name_that_says_unfinished_is_left_alone_until_it_is_renamed(site, inbox, name):
    (inbox / name).write_bytes(site.file)
    assert look() == 0
    (inbox / name).rename(inbox / "march.csv")
    assert look() == 1


def test_a_file_of_nothing_a_folder_and_a_link_are_left_alone(site, inbox, tmp_path):
    (inbox / "empty.csv").touch()
    (inbox / "more").mkdir()
    (tmp_path / "secret").write_bytes(site.file)
    (inbox / "link.csv").symlink_to(tmp_path / "secret")
    assert look() == 0
    assert names(inbox) == ["empty.csv", "link.csv", "more", "refused", "taken"]


@pytest.mark.parametrize("content", [b"\x89PNG\r\n", b"PK\x03\x04", b"hello"])
def test_what_is_no_usage_file_is_put_aside_with_the_reason(site, inbox, content):
    (inbox / "picture.csv").write_bytes(content)
    (inbox / "march.csv").write_bytes(site.file)
    assert look() == 1
    assert names(inbox / "refused") == ["picture.csv", "picture.csv.why.txt"]
    assert "send a CSV file" in (inbox / "refused" / "picture.csv.why.txt").read_text()
    assert UsageRoute.objects.get(name="folder").failures == 0


def test_the_same_file_twice_changes_nothing_and_both_are_kept(site, inbox):
    for _ in range(2):
        (inbox / "march.csv").write_bytes(site.file)
        assert look() == 1
    assert names(inbox / "taken") == ["march-2.csv", "march.csv"]
    run_queued()
    assert site.has_it_all()
    assert [done.accepted for done in UsageImport.objects.order_by("pk")] == [20, 0]


def test_a_crash_between_queueing_and_moving_changes_nothing(site, inbox, monkeypatch):
    (inbox / "march.csv").write_bytes(site.file)

    def crash(*_):
        raise MemoryError

    with monkeypatch.context() as patched, pytest.raises(MemoryError):
        patched.setattr(folder, "move", crash)
        look()
    assert names(inbox) == ["march.csv", "refused", "taken"]
    assert look(fetching.LEASE + timedelta(minutes=1)) == 1
    assert UsageImport.objects.count() == 2
    run_queued()
    assert site.has_it_all()


def test_a_file_that_is_written_to_while_it_is_queued_stays_and_comes_again(site, inbox, monkeypatch):
    half = len(site.file) // 2
    (inbox / "march.csv").write_bytes(site.file[:half])
    move = folder.move

    def write_and_move(path, *rest):
        path.write_bytes(site.file)
        move(path, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(folder, "move", write_and_move)
        assert look() == 1
    assert names(inbox) == ["march.csv", "refused", "taken"]
    assert look() == 1
    run_queued()
    assert site.has_it_all()


def test_names_of_any_bytes_and_length_are_put_aside_too(site, inbox):
    for name in (b"m\xe4rz.csv", b"m" * 251 + b".csv", "März – neu.csv".encode()):
        (inbox / os.fsdecode(name)).write_bytes(b"no usage data")
    assert look() == 0
    assert names(inbox) == ["refused", "taken"]
    assert len(names(inbox / "refused")) == 6


def test_a_folder_that_is_not_there_is_a_failure_that_says_so(site, inbox, settings):
    settings.USAGE_INBOX = str(inbox / "nowhere")
    look()
    source = UsageRoute.objects.get(name="folder")
    assert f"{settings.USAGE_INBOX}/taken cannot be read or moved (No such file or directory)" in source.failure
    assert source.next_try_at is not None
