"""Moving a model to another drive: it is whole in one of the two places at any time."""

from __future__ import annotations

import errno
import os
import threading
from pathlib import Path

import pytest

from app.base.errors import KnownAppError
from app.library import care, download
from app.library.overview import library_status
from app.library.records import ModelRecord
from app.library.services import LibraryServices
from app.library.values import ModelState
from tests.helpers.hub_behaviour import Repo
from tests.helpers.tiny_models import downloaded, tiny_contents

SHARD = "model-00001-of-00002.safetensors"


@pytest.fixture
def record(services: LibraryServices, repo: Repo) -> ModelRecord:
    """An installed model."""
    return downloaded(services)


def state(services: LibraryServices, record: ModelRecord) -> ModelState:
    """As the status shows it."""
    model = library_status(services).model(record.id)
    assert model is not None
    return model.state


def whole(folder: Path) -> bool:
    """Whether every file is there and right."""
    return all((folder / path).read_bytes() == content for path, content in tiny_contents().items())


@pytest.fixture
def other_drive(tmp_path: Path) -> Path:
    """A folder that counts as one of another drive."""
    folder = tmp_path / "other drive"
    folder.mkdir()
    return folder


@pytest.fixture
def across(monkeypatch: pytest.MonkeyPatch, other_drive: Path) -> None:
    """Folders on two drives: a rename from one to the other fails, and each has a device of its own."""
    real = os.stat

    def stat(path: object, *args: object, **kwargs: object) -> object:
        found = real(path, *args, **kwargs)  # type: ignore[call-overload]
        if str(path) == str(other_drive):
            return os.stat_result((*found[:2], found.st_dev + 1, *found[3:10]))
        return found

    monkeypatch.setattr(care.os, "stat", stat)


def test_a_move_on_one_drive_is_a_rename(services: LibraryServices, record: ModelRecord, other_drive: Path) -> None:
    (record.folder / "notes.txt").write_text("mine", encoding="utf-8")
    list(care.move(services, record, other_drive, threading.Event()))
    moved = services.library.find(record.id).folder
    assert moved == other_drive / record.folder.name
    assert whole(moved)
    assert (moved / "notes.txt").exists()
    assert not record.folder.exists()
    assert state(services, record) == ModelState.INSTALLED


@pytest.mark.usefixtures("across")
def test_a_move_to_another_drive_is_verified(services: LibraryServices, record: ModelRecord, other_drive: Path) -> None:
    (record.folder / "notes.txt").write_text("mine", encoding="utf-8")
    steps = list(care.move(services, record, other_drive, threading.Event()))
    assert steps[-1].fraction == pytest.approx(1.0)
    moved = services.library.find(record.id).folder
    assert whole(moved)
    assert [path.name for path in record.folder.iterdir()] == ["notes.txt"], "what is not ours stays"
    assert state(services, record) == ModelState.INSTALLED
    assert [path.name for path in other_drive.iterdir()] == [record.folder.name]


@pytest.mark.usefixtures("across")
@pytest.mark.parametrize("case", ["cancel", "closed", "damaged", "full"])
def test_a_move_that_fails_leaves_the_model_where_it_was(
    services: LibraryServices, record: ModelRecord, other_drive: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    cancel = threading.Event()
    if case == "damaged":
        data = bytearray((record.folder / SHARD).read_bytes())
        data[1000] ^= 1
        (record.folder / SHARD).write_bytes(data)
    if case == "full":
        monkeypatch.setattr(care.os, "fsync", full_disk)
    steps = care.move(services, record, other_drive, cancel)
    if case in ("cancel", "closed"):
        next(steps)
        assert not library_status(services).leftovers, "what is being copied is no leftover"
        assert (other_drive / f"{record.folder.name}{care.MOVING}").is_dir()
        if case == "closed":
            steps.close()
        else:
            cancel.set()
            assert not list(steps)
    else:
        with pytest.raises(KnownAppError) as caught:
            list(steps)
        assert {"damaged": "copy of", "full": "is full"}[case] in caught.value.user_text
    assert not list(other_drive.iterdir())
    assert services.library.find(record.id).folder == record.folder
    assert len(list(record.folder.iterdir())) >= len(tiny_contents())


def full_disk(handle: int) -> None:
    """As a drive without room."""
    raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.usefixtures("across")
def test_a_drive_that_cannot_hold_a_file_is_named(
    services: LibraryServices, record: ModelRecord, other_drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def too_large(handle: int) -> None:
        raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(care.os, "fsync", too_large)
    with pytest.raises(KnownAppError) as caught:
        list(care.move(services, record, other_drive, threading.Event()))
    assert "FAT32" in caught.value.user_text
    assert "stays where it was" in caught.value.hint
    assert services.library.find(record.id).folder == record.folder


def test_what_cannot_be_moved(services: LibraryServices, record: ModelRecord, other_drive: Path, repo: Repo) -> None:
    (other_drive / record.folder.name).mkdir()
    own = services.library.add("folder", other_drive, "mine")
    for each, parent, words in (
        (record, other_drive, "exists already"),
        (record, other_drive / "none", "There is no folder"),
        (own, other_drive, "moves only models"),
    ):
        with pytest.raises(KnownAppError) as caught:
            list(care.move(services, each, parent, threading.Event()))
        assert words in caught.value.user_text
    download.resume(services, record)
    with pytest.raises(KnownAppError) as caught:
        list(care.move(services, services.library.find(record.id), other_drive / "x", threading.Event()))
    assert "still being downloaded" in caught.value.user_text


@pytest.mark.usefixtures("across")
def test_what_a_killed_move_left_on_the_other_drive_is_found(
    services: LibraryServices, record: ModelRecord, other_drive: Path
) -> None:
    scratch = other_drive / f"{record.folder.name}{care.MOVING}"
    scratch.mkdir()
    (scratch / SHARD).write_bytes(b"half")
    services.library.note_move(scratch)  # as a killed program leaves it
    (leftover,) = library_status(services).leftovers
    assert (leftover.path, leftover.size, leftover.whole) == (scratch, 4, False)
    assert care.clear(leftover) == 4
    assert not list(other_drive.iterdir())
    assert not library_status(services).leftovers
    assert state(services, record) == ModelState.INSTALLED
