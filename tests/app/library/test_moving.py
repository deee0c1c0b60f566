"""Moving a model to another drive: it is whole in one of the two places at any time."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from app.base.errors import KnownAppError
from app.library import care, download
from app.library.ledger import FolderOwner
from app.library.overview import library_status
from app.library.records import MOVING, ModelRecord, MoveNote
from app.library.services import LibraryServices
from app.library.values import ModelState
from tests.helpers.hub_behaviour import Repo
from tests.helpers.killing import killed, numbers_held
from tests.helpers.scale import sized
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
        assert (other_drive / f"{record.folder.name}{MOVING}").is_dir()
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
    scratch = other_drive / f"{record.folder.name}{MOVING}"
    services.library.begin_move(MoveNote(record.folder, other_drive / record.folder.name, scratch))
    services.ledger.new_folder(scratch)
    (scratch / SHARD).touch()
    FolderOwner(services.ledger, scratch).made(scratch / SHARD)
    (scratch / SHARD).write_bytes(b"half")  # killed
    (leftover,) = library_status(services).leftovers
    assert (leftover.path, leftover.size, leftover.whole) == (scratch, 4, False)
    assert care.clear(services, leftover) == 4
    assert not list(other_drive.iterdir())
    assert not library_status(services).leftovers
    assert state(services, record) == ModelState.INSTALLED


@pytest.mark.usefixtures("across")
def test_the_note_of_an_older_dewpoint_is_understood(
    services: LibraryServices, record: ModelRecord, other_drive: Path
) -> None:
    scratch = other_drive / f"{record.folder.name}{MOVING}"
    scratch.mkdir()
    (scratch / SHARD).write_bytes(b"half")
    services.library.begin_move(MoveNote(None, other_drive))
    with contextlib.closing(sqlite3.connect(services.library.path)) as db, db:
        db.execute("UPDATE app_meta SET value = ? WHERE key = 'moving_to'", [str(scratch)])
    (leftover,) = library_status(services).leftovers
    assert leftover.path == scratch


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # 3.12 warns of threads; the child uses none
@pytest.mark.parametrize("drives", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_a_move_that_is_killed_at_any_step_is_found_and_goes_on(
    services: LibraryServices, record: ModelRecord, other_drive: Path, request: pytest.FixtureRequest, drives: int
) -> None:
    if drives == 2:
        request.getfixturevalue("across")
    target, base, kept = other_drive / record.folder.name, services.paths.base, other_drive.with_name("kept")
    (record.folder / "notes.txt").write_text("mine", encoding="utf-8")
    shutil.copytree(base, kept)

    def lying() -> set[Path]:
        """Folders in which anything but the user's own file lies."""
        folders = (*other_drive.iterdir(), *services.paths.models.iterdir())
        return {path for path in folders if {file.name for file in path.iterdir()} - {"notes.txt"}}

    def move() -> None:
        list(care.move(services, services.library.find(record.id), other_drive, threading.Event()))

    step = 0
    with numbers_held(record.folder):
        while killed(move, step):
            status = library_status(services)
            now = services.library.find(record.id).folder
            assert whole(now), f"step {step}: the model in the list is whole"
            assert state(services, record) == ModelState.INSTALLED
            assert len(status.leftovers) == len({each.path for each in status.leftovers}), "nothing is offered twice"
            assert (now / "notes.txt").exists() or (record.folder / "notes.txt").exists(), (
                "nothing of the user's is gone"
            )
            listed = {each.path for each in status.leftovers}
            assert lying() - {now} <= listed, f"step {step}: all that lies about is listed"
            assert all(each.whole == whole_if_there(each.path) for each in status.leftovers)
            move()
            assert services.library.find(record.id).folder == target
            assert whole(target)
            assert lying() == {target}
            assert [path.name for path in other_drive.iterdir()] == [target.name]
            notes = [path / "notes.txt" for path in (record.folder, target) if (path / "notes.txt").exists()]
            assert [note.read_text("utf-8") for note in notes] == ["mine"], (
                "nothing of the user's is gone, or there twice"
            )
            assert not services.library.moves()
            shutil.rmtree(base)
            shutil.rmtree(target)
            shutil.copytree(kept, base)
            step += 1 if drives == 1 else sized(3, 1)
    assert step > (4 if drives == 1 else 20)


def whole_if_there(folder: Path) -> bool:
    """Whether it is a complete model; a copy that is being made is none."""
    files = {path.name for path in folder.iterdir()}
    return files.issuperset(tiny_contents()) and not folder.name.endswith(MOVING)


def test_a_move_to_where_it_is(services: LibraryServices, record: ModelRecord) -> None:
    inner = record.folder / "inner"
    inner.mkdir()
    for parent in (record.folder, inner):
        with pytest.raises(KnownAppError) as caught:
            list(care.move(services, record, parent, threading.Event()))
        assert "its own folder" in caught.value.user_text
    list(care.move(services, record, record.folder.parent, threading.Event()))
    assert state(services, record) == ModelState.INSTALLED
    assert not services.library.moves()


def test_a_folder_that_is_gone_is_named(services: LibraryServices, record: ModelRecord, other_drive: Path) -> None:
    record.folder.rename(other_drive / "unplugged")
    for steps in (
        care.move(services, record, other_drive, threading.Event()),
        care.verify(services, record, threading.Event()),
    ):
        with pytest.raises(KnownAppError) as caught:
            list(steps)
        assert caught.value.user_text == f"The folder {record.folder} is not there."


# -- drives that are unplugged ---------------------------------------------------------------------------------------


@pytest.fixture
def stick(tmp_path: Path, services: LibraryServices, record: ModelRecord) -> Path:
    """A drive that the model lies on, and that can be unplugged: it has another name meanwhile."""
    folder = tmp_path / "stick"
    folder.mkdir()
    list(care.move(services, record, folder, threading.Event()))
    return folder


@pytest.fixture
def half_moved(services: LibraryServices, record: ModelRecord, stick: Path, across: None, other_drive: Path) -> Path:
    """Where a model lay whose move was killed before its original was deleted."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(care, "remove_holding", killed_here)
        with pytest.raises(KeyboardInterrupt):
            list(care.move(services, services.library.find(record.id), other_drive, threading.Event()))
    return stick / record.folder.name


def killed_here(*args: object) -> None:
    """As a program that is killed right before it deletes."""
    raise KeyboardInterrupt


@pytest.mark.parametrize("looks", [1, 2])
def test_an_original_on_an_unplugged_drive_is_deleted_when_it_is_back(
    services: LibraryServices, record: ModelRecord, stick: Path, half_moved: Path, looks: int
) -> None:
    unplugged = stick.rename(stick.with_name("unplugged"))
    for _ in range(looks):
        assert state(services, record) == ModelState.INSTALLED
        assert services.ledger.entries(half_moved), "it is still known as ours"
        assert services.library.moves()
    unplugged.rename(stick)
    assert state(services, record) == ModelState.INSTALLED
    assert not half_moved.exists()
    assert not services.library.moves()
    assert not services.ledger.entries(half_moved)
    assert whole(services.library.find(record.id).folder)


def test_a_mount_point_without_its_drive_is_no_deleted_folder(
    services: LibraryServices, record: ModelRecord, half_moved: Path
) -> None:
    entries = services.ledger.entries(half_moved)
    with contextlib.closing(sqlite3.connect(services.library.path)) as db, db:
        other = str(half_moved.parent.stat().st_dev + 1)
        db.execute("UPDATE written SET device = ? WHERE folder = ?", [other, str(half_moved)])
    half_moved.rename(half_moved.parent.with_name("kept"))
    assert state(services, record) == ModelState.INSTALLED
    assert services.ledger.entries(half_moved).keys() == entries.keys()
    assert services.library.moves()


def test_an_original_that_the_user_deleted_is_forgotten(
    services: LibraryServices, record: ModelRecord, half_moved: Path
) -> None:
    shutil.rmtree(half_moved)
    assert state(services, record) == ModelState.INSTALLED
    assert not services.library.moves()
    assert not services.ledger.entries(half_moved)


@pytest.mark.usefixtures("across")
def test_a_drive_that_is_pulled_before_the_original_is_deleted(
    services: LibraryServices, record: ModelRecord, stick: Path, other_drive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place, real = stick / record.folder.name, care.remove_holding

    def pulled(*args: object) -> None:
        stick.rename(stick.with_name("unplugged"))
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(care, "remove_holding", pulled)
    list(care.move(services, services.library.find(record.id), other_drive, threading.Event()))
    assert services.library.moves()
    stick.with_name("unplugged").rename(stick)
    assert state(services, record) == ModelState.INSTALLED
    assert not place.exists()
    assert not services.library.moves()


@pytest.mark.usefixtures("across")
def test_a_copy_on_a_drive_that_is_pulled_is_still_ours(
    services: LibraryServices, record: ModelRecord, tmp_path: Path, other_drive: Path
) -> None:
    steps = care.move(services, record, other_drive, threading.Event())
    next(steps)
    unplugged = other_drive.rename(tmp_path / "unplugged")
    steps.close()
    (note,) = services.library.moves()
    library_status(services)
    assert services.library.moves() == (note,)
    unplugged.rename(other_drive)
    (leftover,) = library_status(services).leftovers
    assert (leftover.path, leftover.whole) == (note.scratch, False)
    care.clear(services, leftover)
    assert not list(other_drive.iterdir())
    assert state(services, record) == ModelState.INSTALLED


def test_a_model_that_is_removed_while_its_drive_is_away_is_offered_when_it_is_back(
    services: LibraryServices, record: ModelRecord, stick: Path
) -> None:
    unplugged = stick.rename(stick.with_name("unplugged"))
    model = library_status(services).model(record.id)
    assert model is not None
    care.remove(services, care.removal(services, model))
    assert not library_status(services).leftovers
    unplugged.rename(stick)
    (leftover,) = library_status(services).leftovers
    assert care.clear(services, leftover) > 0
    assert not list(stick.iterdir())


def test_a_new_folder_has_nothing_of_one_that_had_its_name(services: LibraryServices, tmp_path: Path) -> None:
    place = tmp_path / "place"
    services.ledger.new_folder(place)
    (place / "old").write_bytes(b"old")
    own = FolderOwner(services.ledger, place)
    own.made(place / "old")
    shutil.rmtree(place)
    services.ledger.new_folder(place)
    assert services.ledger.entries(place).keys() == {""}
