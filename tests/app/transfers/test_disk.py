"""A disk without room, or that fails: said with figures, waited for, and nothing is lost."""

from __future__ import annotations

import errno
import itertools
import os
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.transfers import part, transfer
from app.transfers.errors import TransferError
from app.transfers.existing import bytes_present
from app.transfers.fetch import fetch
from app.transfers.values import Progress, TransferEvent, TransferFinished, Waiting
from tests.app.transfers.support import (
    assert_all_right,
    assert_nothing_wrong,
    final_names,
    only,
    open_client,
    remote_files,
    run,
    with_,
)
from tests.helpers.hub_behaviour import Repo, make_repo
from tests.helpers.hub_server import Hub

MB = 1_000_000
FILES = [("config.json", 900), ("model-1.bin", 2 * MB), ("model-2.bin", 3 * MB)]


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add(make_repo(31, FILES))


def test_a_small_disk_is_told_before_anything_is_fetched(
    hub: Hub, repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.transfers.fetch.free_bytes", lambda place: 105 * MB)
    with pytest.raises(TransferError) as caught:
        run(remote_files(hub, repo), folder, with_(reserve_bytes=101 * MB))
    assert caught.value.kind == "disk"
    assert caught.value.user_text == "The download needs 5 MB more on the disk, and 4 MB can be used."
    assert caught.value.hint == "Free some room, or choose another disk; 101 MB stay reserved."
    assert hub.behaviour.seen == []


def test_what_is_there_needs_no_room(hub: Hub, repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = remote_files(hub, repo)
    run(files[:2], folder)
    monkeypatch.setattr("app.transfers.fetch.free_bytes", lambda place: 104 * MB)
    assert_all_right(repo, folder, run(files, folder, with_(reserve_bytes=101 * MB)))
    monkeypatch.setattr("app.transfers.fetch.free_bytes", lambda place: 0)
    assert isinstance(run(files, folder, with_(reserve_bytes=101 * MB))[-1], TransferFinished)


def test_room_that_goes_away_meanwhile(hub: Hub, repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program fills the disk up to the reserve: it pauses, and goes on when there is room."""
    free = 200 * MB
    monkeypatch.setattr(transfer, "free_bytes", lambda place: free)
    hub.behaviour.rate = MB  # it would take five seconds
    events: list[TransferEvent] = []
    sent_in_pause: list[int] = []
    cancel = threading.Event()
    for event in fetch(remote_files(hub, repo), folder, open_client, with_(reserve_bytes=50 * MB), cancel=cancel):
        events.append(event)
        if isinstance(event, Progress) and event.done > 200_000 and not only(events, Waiting):
            free = 49 * MB
        if isinstance(event, Waiting):
            sent_in_pause.append(hub.behaviour.total_sent)
            if len(set(sent_in_pause[-3:])) == 1 and len(sent_in_pause) >= 4:
                free = 200 * MB
                hub.behaviour.rate = 0
    assert_all_right(repo, folder, events)
    waits = only(events, Waiting)
    assert {event.reason for event in waits} == {"disk"}
    assert waits[0].text.startswith("The disk is full (49 MB free, ")
    assert waits[0].text.endswith(" MB still to come); free some room and it goes on by itself.")
    assert free == 200 * MB, "nothing is fetched in the pause"
    assert hub.behaviour.total_sent < 1.6 * repo.size


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("where", ["write", "note", "begin", "fsync", "rename"])
def test_a_disk_that_says_that_it_is_full(
    hub: Hub, repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch, number: int, where: str
) -> None:
    """Wherever it says so, a few times in a row."""
    errors = iter([OSError(number, os.strerror(number)) for _ in range(4)])  # one for each thread that comes here
    calls = itertools.count()
    place, name = {"fsync": (os, "fsync"), "rename": (os, "replace")}.get(where, (part.PartFile, where))
    original = getattr(place, name)

    def failing(*args: object) -> object:
        if next(calls) >= (0 if where in ("fsync", "rename", "begin") else 6) and (error := next(errors, None)):
            raise error
        return original(*args)

    monkeypatch.setattr(place, name, failing)
    events = run(remote_files(hub, repo), folder)
    monkeypatch.undo()
    assert next(errors, None) is None
    assert_all_right(repo, folder, events)
    assert "disk" in {event.reason for event in only(events, Waiting)}


def test_any_other_error_of_the_disk_is_one_sentence(
    hub: Hub, repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(part.PartFile, "write", failing)
    with pytest.raises(TransferError) as caught:
        run(remote_files(hub, repo), folder)
    assert caught.value.kind == "disk"
    assert caught.value.user_text == "The files cannot be written or read: Input/output error."


def test_a_file_that_is_too_large_for_the_drive_names_its_limit(
    hub: Hub, repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(*args: object) -> None:
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(part.PartFile, "write", failing)
    with pytest.raises(TransferError) as caught:
        run(remote_files(hub, repo), folder)
    assert caught.value.kind == "disk"
    assert "FAT32, as on many USB sticks, ends at 4 GB a file" in caught.value.user_text
    assert "exFAT or NTFS" in caught.value.hint


def test_a_folder_that_is_none(hub: Hub, repo: Repo, folder: Path) -> None:
    folder.parent.mkdir(parents=True)
    folder.write_text("a file")
    with pytest.raises(TransferError) as caught:
        run(remote_files(hub, repo), folder)
    assert caught.value.kind == "disk"
    assert folder.read_text() == "a file"


def test_a_final_name_that_is_a_folder(hub: Hub, repo: Repo, folder: Path) -> None:
    (folder / "config.json" / "x").mkdir(parents=True)
    with pytest.raises(TransferError, match="was not written by Dewpoint"):
        run(remote_files(hub, repo), folder)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 4 MB."""
    place = tmp_path / "small"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as exc:
        pytest.skip(f"no small disk can be mounted here: {exc}")
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_real_disk_that_fills_up(hub: Hub, repo: Repo, small_disk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """5 MB onto a disk of 4 MB, of which another file takes 1 MB: it pauses until the disk is made larger."""
    monkeypatch.setattr("app.transfers.fetch.free_bytes", lambda place: 100 * MB)  # the check before the start
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(MB))
    folder = small_disk / "model"
    files = remote_files(hub, repo)
    events: list[TransferEvent] = []
    cancel = threading.Event()
    for event in fetch(files, folder, open_client, with_(), cancel=cancel):
        events.append(event)
        if len(only(events, Waiting)) == 3 and ballast.exists():
            assert_nothing_wrong(repo, folder)
            ballast.unlink()
            subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    assert_all_right(repo, folder, events)
    wait = only(events, Waiting)[0]
    assert wait.reason == "disk"
    assert wait.text.startswith("The disk is full (0 MB free, ")
    assert len(only(events, Waiting)) >= 3
    assert hub.behaviour.total_sent < 1.6 * repo.size


def test_a_full_disk_can_be_cancelled_and_keeps_everything(hub: Hub, repo: Repo, small_disk: Path) -> None:
    folder = small_disk / "model"
    files = remote_files(hub, repo)
    with pytest.raises(TransferError, match="needs 5 MB more on the disk, and 4 MB can be used"):
        run(files, folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("app.transfers.fetch.free_bytes", lambda place: 100 * MB)
        cancel = threading.Event()
        for event in fetch(files, folder, open_client, with_(), cancel=cancel):
            if isinstance(event, Waiting):
                cancel.set()
    kept = bytes_present(files, folder)
    assert kept > 2.5 * MB
    assert_nothing_wrong(repo, folder)
    subprocess.run(["mount", "-o", "remount,size=64m", str(small_disk)], check=True)
    hub.rest()
    hub.behaviour.forget()
    assert_all_right(repo, folder, run(files, folder))
    assert hub.behaviour.total_sent <= repo.size - kept
    assert final_names(folder) == set(repo.files)
