"""Installed files that are damaged are found, each with its reason."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from app.transfers.errors import TransferError
from app.transfers.existing import bytes_present
from app.transfers.names import JOURNAL_SUFFIX, PART_SUFFIX, beside
from app.transfers.values import Digest, FileDamaged, Progress, RemoteFile, TransferFinished, TransferStopped
from app.transfers.verify import verify
from tests.app.transfers.support import only, remote_files, run
from tests.helpers.hub_behaviour import make_repo
from tests.helpers.hub_server import Hub


@pytest.fixture
def files(hub: Hub, folder: Path) -> list[RemoteFile]:
    """An installed repository."""
    paths = ["a.bin", "b/b.bin", "b/c.bin", "d.bin", "empty"]
    files = remote_files(hub, hub.add(make_repo(4, [(path, 5000 * (path != "empty")) for path in paths])))
    run(files, folder)
    return files


def test_good_files(files: list[RemoteFile], folder: Path) -> None:
    events = list(verify(files, folder, threading.Event()))
    assert only(events, FileDamaged) == []
    assert events[-1] == TransferFinished()
    last = only(events, Progress)[-1]
    assert (last.done, last.total) == (20_000, 20_000)


def test_bad_files(files: list[RemoteFile], folder: Path) -> None:
    (folder / "a.bin").unlink()
    (folder / "b" / "b.bin").write_bytes(bytes(5000))
    (folder / "b" / "c.bin").write_bytes(bytes(4999))
    (folder / "d.bin").unlink()
    (folder / "d.bin").mkdir()
    events = list(verify(files, folder, threading.Event()))
    assert {event.path: event.reason for event in only(events, FileDamaged)} == {
        "a.bin": "The file is missing.",
        "b/b.bin": "The file's content is not what it should be.",
        "b/c.bin": "The file has 4,999 bytes, and it should have 5,000.",
        "d.bin": "The file is missing.",
    }
    assert events[-1] == TransferFinished()


def test_an_unreadable_file(files: list[RemoteFile], folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Path, *args: object, **kwargs: object) -> object:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", broken)
    (damaged, *_) = only(list(verify(files, folder, threading.Event())), FileDamaged)
    assert damaged.reason == "The file cannot be read: Input/output error."


def test_a_cancel(files: list[RemoteFile], folder: Path) -> None:
    cancel = threading.Event()
    cancel.set()
    assert list(verify(files, folder, cancel)) == [TransferStopped()]


def test_an_unsafe_name(folder: Path) -> None:
    file = RemoteFile("../x", "http://127.0.0.1/", 1, Digest("sha256", "0" * 64))
    with pytest.raises(TransferError, match="not allowed"):
        list(verify([file], folder, threading.Event()))
    with pytest.raises(TransferError, match="not allowed"):
        bytes_present([file], folder)


def test_what_counts_as_there(files: list[RemoteFile], folder: Path) -> None:
    for suffix in (PART_SUFFIX, JOURNAL_SUFFIX):
        beside(folder / "b" / "x.bin", suffix).touch()
    assert bytes_present(files, folder) == 20_000
    (folder / "a.bin").unlink()
    assert bytes_present(files, folder) == 15_000
