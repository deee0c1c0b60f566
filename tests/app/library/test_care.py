"""Verify, remove, move, leftovers: only what Dewpoint wrote is touched, and a model is whole somewhere at any time."""

from __future__ import annotations

import errno
import os
import shutil
import threading
from pathlib import Path

import pytest

from app.base.errors import KnownAppError
from app.library import care, download, folders
from app.library.ledger import FolderOwner
from app.library.overview import library_status
from app.library.records import MOVING, ModelRecord
from app.library.services import LibraryServices
from app.library.values import ModelState, ModelStatus
from app.transfers.values import FileDamaged, TransferFinished, TransferStopped
from inference.graphs.names import MODEL_NOTE as MANIFEST
from tests.app.conftest import MakeServices
from tests.helpers.fake_engines import FakeEngines
from tests.helpers.hub_behaviour import Repo, stall
from tests.helpers.hub_server import Hub
from tests.helpers.tiny_models import accepted, downloaded, tiny_contents

SHARD = "model-00001-of-00002.safetensors"


@pytest.fixture
def record(services: LibraryServices, repo: Repo) -> ModelRecord:
    """An installed model."""
    return downloaded(services)


def status(services: LibraryServices, record: ModelRecord) -> ModelStatus:
    """As the status shows it."""
    model = library_status(services).model(record.id)
    assert model is not None
    return model


def touched(file: Path) -> Path:
    """An empty file is there."""
    file.touch()
    return file


def flip(file: Path) -> None:
    """One bit of the file is wrong, its size is right."""
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)


def whole(folder: Path) -> bool:
    """Whether every file is there and right."""
    return all((folder / path).read_bytes() == content for path, content in tiny_contents().items())


# -- verify ----------------------------------------------------------------------------------------------------------


def test_one_wrong_bit_is_found_and_repaired(services: LibraryServices, record: ModelRecord, hub: Hub) -> None:
    flip(record.folder / SHARD)
    assert status(services, record).state == ModelState.INSTALLED, "a look does not hash"
    events = list(care.verify(services, record, threading.Event()))
    assert [event.path for event in events if isinstance(event, FileDamaged)] == [SHARD]
    assert isinstance(events[-1], TransferFinished)
    model = status(services, record)
    assert model.state == ModelState.DAMAGED
    assert model.problem is not None
    assert "1 file is missing or damaged" in model.problem.text
    hub.behaviour.forget()
    download.resume(services, record)
    list(download.download(services, services.library.find(record.id), threading.Event()))
    assert whole(record.folder)
    assert set(hub.behaviour.counts()) == {SHARD}, "only what is wrong is fetched"
    assert status(services, record).state == ModelState.INSTALLED


def test_right_files_become_right_again(services: LibraryServices, record: ModelRecord) -> None:
    """A verdict of an earlier check, on a drive that read badly, is not for ever."""
    services.library.set_verdicts(record.id, {SHARD: False})
    assert status(services, record).state == ModelState.DAMAGED
    list(care.verify(services, record, threading.Event()))
    assert status(services, record).state == ModelState.INSTALLED


@pytest.mark.parametrize("how", ["missing", "short"])
def test_a_look_sees_missing_and_short_files(services: LibraryServices, record: ModelRecord, how: str) -> None:
    file = record.folder / SHARD
    if how == "missing":
        file.unlink()
    else:
        os.truncate(file, 10)
    assert status(services, record).state == ModelState.DAMAGED


def test_a_stopped_check_changes_no_verdict(services: LibraryServices, record: ModelRecord) -> None:
    flip(record.folder / SHARD)
    cancel = threading.Event()
    cancel.set()
    assert isinstance(list(care.verify(services, record, cancel))[-1], TransferStopped)
    assert status(services, record).state == ModelState.INSTALLED


def test_a_folder_of_the_users_own_has_no_hashes(services: LibraryServices, tmp_path: Path) -> None:
    own = services.library.add("folder", tmp_path, "mine")
    with pytest.raises(KnownAppError) as caught:
        list(care.verify(services, own, threading.Event()))
    assert "no checksums" in caught.value.user_text


# -- remove ----------------------------------------------------------------------------------------------------------


def test_removing_takes_what_is_ours_alone(services: LibraryServices, record: ModelRecord) -> None:
    (record.folder / "notes.txt").write_text("mine", encoding="utf-8")
    (record.folder / "sub").mkdir()
    (record.folder / "sub" / "more.txt").write_text("mine, too", encoding="utf-8")
    removal = care.removal(services, status(services, record))
    assert {file.name for file in removal.kept} == {"notes.txt", "more.txt"}
    assert {file.name for file in removal.files} >= {*tiny_contents(), MANIFEST}
    assert removal.size == sum(file.stat().st_size for file in removal.files)
    free = sum(file.stat().st_size for file in record.folder.rglob("*") if file.is_file())
    assert care.remove(services, removal) == free - 13
    assert sorted(path.name for path in record.folder.rglob("*")) == ["more.txt", "notes.txt", "sub"]
    assert not services.library.models()


def test_removing_an_unfinished_download(services: LibraryServices, repo: Repo, hub: Hub) -> None:
    record = accepted(services)
    hub.behaviour.plan("*", stall(after=600_000), times=None)
    events = download.download(services, record, threading.Event())
    next(event for event in events if (record.folder / "model-00002-of-00002.safetensors.part").exists())
    events.close()
    assert any(file.name.endswith(".part") for file in record.folder.iterdir())
    care.remove(services, care.removal(services, status(services, record)))
    assert not record.folder.exists()


def test_what_a_killed_writer_left_goes_too(services: LibraryServices, record: ModelRecord) -> None:
    left = [record.folder / f".{MANIFEST}.0123abcd.tmp", record.folder / f".{MANIFEST}.4567abcd.tmp"]
    left[0].touch()  # killed before it was noted
    FolderOwner(services.ledger, record.folder).made(touched(left[1]))
    left[1].write_text("{", encoding="utf-8")
    removal = care.removal(services, status(services, record))
    assert set(left) <= set(removal.files)
    care.remove(services, removal)
    assert not record.folder.exists()


def test_removing_the_users_own_folder_deletes_nothing_of_it(services: LibraryServices, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "config.json").write_text("{}", encoding="utf-8")
    own = services.library.add("folder", folder, "mine")
    removal = care.removal(services, status(services, own))
    assert (removal.files, removal.size) == ((), 0)
    assert care.remove(services, removal) == 0
    assert (folder / "config.json").exists()
    assert not services.library.models()


def test_a_damaged_manifest_never_names_files_outside(
    services: LibraryServices, record: ModelRecord, tmp_path: Path
) -> None:
    """A manifest is a file that anybody may have changed."""
    precious = record.folder.parent / "precious.txt"
    precious.write_text("keep", encoding="utf-8")
    text = (record.folder / MANIFEST).read_text(encoding="utf-8")
    (record.folder / MANIFEST).write_text(text.replace(f'"{SHARD}"', '"../precious.txt"'), encoding="utf-8")
    assert status(services, record).state == ModelState.INSTALLED, "the note in the folder counts for nothing"
    removal = care.removal(services, status(services, record))
    assert precious not in removal.files
    assert record.folder / SHARD in removal.files
    care.remove(services, removal)
    assert precious.exists()


def test_a_file_in_use_stops_the_removal(
    services: LibraryServices, record: ModelRecord, monkeypatch: pytest.MonkeyPatch
) -> None:
    removal = care.removal(services, status(services, record))
    real = os.unlink

    def unlink(path: str | Path, *, dir_fd: int | None = None) -> None:
        if Path(path).name == SHARD:
            raise PermissionError(errno.EACCES, "The file is in use", str(path))
        real(path, dir_fd=dir_fd)

    monkeypatch.setattr(os, "unlink", unlink)
    with pytest.raises(folders.RemovalError) as caught:
        care.remove(services, removal)
    assert SHARD in caught.value.user_text
    assert (record.folder / SHARD).exists()
    assert [each.id for each in services.library.models()] == [record.id]


def test_engines_go_with_their_model(services: LibraryServices, record: ModelRecord, fake_engines: FakeEngines) -> None:
    service = services.engines
    built = service.status(record.folder, record.title)
    assert built.offers, built.problem
    for _ in service.build(built, built.offers[-1]):
        pass
    # The stand-in names a folder of its own.
    manifest_file = next(services.paths.engines.glob("*/engines.json"))
    text = manifest_file.read_text(encoding="utf-8")
    found = service.store.sets()[0].manifest
    assert found is not None
    manifest_file.write_text(text.replace(found.model_folder, str(record.folder.resolve())), encoding="utf-8")
    model = status(services, record)
    assert model.engines > 0
    removal = care.removal(services, model)
    assert removal.engine_size >= model.engines > 0
    freed = care.remove(services, removal, with_engines=False)
    assert freed == removal.size
    assert list(services.paths.engines.glob("*/engines.json"))


# -- leftovers -------------------------------------------------------------------------------------------------------


def test_a_model_that_was_forgotten_is_found_and_taken_back(
    services: LibraryServices, record: ModelRecord, make_services: MakeServices
) -> None:
    services.library.forget(record.id)
    (leftover,) = library_status(services).leftovers
    assert leftover.whole
    assert "a complete model that is not in the list" in leftover.text
    again = care.adopt(services, leftover)
    assert status(services, again).state == ModelState.INSTALLED
    assert not library_status(make_services()).leftovers


def test_a_lost_database_loses_no_model(
    services: LibraryServices, record: ModelRecord, make_services: MakeServices
) -> None:
    for file in services.paths.base.glob("chats.sqlite3*"):
        file.unlink()
    (leftover,) = library_status(make_services()).leftovers
    assert leftover.path == record.folder


def test_leftovers_are_cleared(services: LibraryServices, record: ModelRecord, hub: Hub) -> None:
    services.library.forget(record.id)
    unfinished = services.paths.models / f"owner--x{MOVING}"
    services.ledger.new_folder(unfinished)
    copy = touched(unfinished / SHARD)
    FolderOwner(services.ledger, unfinished).made(copy)
    shutil.copyfile(record.folder / SHARD, copy)
    (services.paths.models / "holiday").mkdir()
    (services.paths.models / "holiday" / "photo.jpg").write_bytes(b"x")
    found = library_status(services).leftovers
    assert {leftover.path for leftover in found} == {record.folder, unfinished}
    for leftover in found:
        assert care.clear(services, leftover) == leftover.size >= 700_000
    assert [path.name for path in services.paths.models.iterdir()] == ["holiday"]
