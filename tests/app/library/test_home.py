"""A data folder that is copied, moved or reached by another name: which models are ours there, and which are not."""

from __future__ import annotations

import os
import shutil
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from app.base.errors import KnownAppError
from app.base.paths import AppPaths
from app.chats.database import transaction
from app.library import care
from app.library.overview import library_status
from app.library.records import ModelRecord, MoveNote
from app.library.services import LibraryServices
from app.library.values import ModelState
from tests.helpers.hub_behaviour import Repo
from tests.helpers.tiny_models import accepted, downloaded, tiny_contents

Reopen = Callable[[Path], LibraryServices]
links = pytest.mark.skipif(sys.platform == "win32", reason="links take a right there that users do not have")


@pytest.fixture
def reopen(services: LibraryServices) -> Reopen:
    """A start on another data folder."""

    def start(base: Path) -> LibraryServices:
        return LibraryServices.open(AppPaths(base).ensure(), options=services.options)

    return start


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Where a data folder is copied to."""
    return tmp_path / "copy"


def removed(services: LibraryServices) -> None:
    """Remove every model that is here."""
    for record in services.library.models():
        model = library_status(services).model(record.id)
        assert model is not None
        care.remove(services, care.removal(services, model))


def names(folder: Path) -> set[str]:
    """What lies in a folder."""
    return {file.name for file in folder.iterdir()}


def moved_to(services: LibraryServices, record: ModelRecord, parent: Path) -> ModelRecord:
    """A model on another drive, as it were."""
    parent.mkdir()
    list(care.move(services, record, parent, threading.Event()))
    return services.library.find(record.id)


def test_a_copy_removes_its_own_files_alone(services: LibraryServices, repo: Repo, reopen: Reopen, copy: Path) -> None:
    record = downloaded(services)
    shutil.copytree(services.paths.base, copy)
    there = reopen(copy)
    (copied,) = there.library.models()
    assert (copied.id, copied.folder) == (record.id, copy / "models" / record.folder.name)
    model = library_status(there).model(copied.id)
    assert model is not None
    assert model.state in (ModelState.INSTALLED, ModelState.READY)
    (copied.folder / "notes.txt").write_text("mine", encoding="utf-8")
    removed(there)
    assert names(copied.folder) == {"notes.txt"}
    assert names(record.folder) >= set(tiny_contents())
    assert services.library.models() == (record,)
    removed(services)
    assert not record.folder.exists()


def test_a_folder_that_was_moved_keeps_its_models(
    services: LibraryServices, repo: Repo, reopen: Reopen, copy: Path
) -> None:
    downloaded(services)
    services.paths.base.rename(copy)
    there = reopen(copy)
    removed(there)
    assert names(copy / "models") == set()


@pytest.mark.parametrize("where", ["in the data folder", "elsewhere"])
def test_models_that_were_not_copied_belong_to_the_old_folder(
    services: LibraryServices, repo: Repo, reopen: Reopen, copy: Path, tmp_path: Path, where: str
) -> None:
    record = downloaded(services)
    if where == "elsewhere":
        record = moved_to(services, record, tmp_path / "drive")
    services.library.begin_move(MoveNote(record.folder, tmp_path / "x" / record.folder.name))
    shutil.copytree(services.paths.base, copy, ignore=shutil.ignore_patterns("models"))
    there = reopen(copy)
    (found,) = there.library.models()
    assert (found.kind, found.folder) == ("folder", record.folder)
    assert not there.ledger.folders()
    assert not there.library.moves()
    (tmp_path / "other").mkdir()
    with pytest.raises(KnownAppError):
        list(care.move(there, found, tmp_path / "other", threading.Event()))
    removed(there)
    assert names(record.folder) >= set(tiny_contents())
    assert library_status(services).model(record.id) is not None


def test_a_paused_download_goes_on_in_the_old_folder_alone(
    services: LibraryServices, repo: Repo, reopen: Reopen, copy: Path
) -> None:
    record = accepted(services)
    shutil.copytree(services.paths.base, copy, ignore=shutil.ignore_patterns("models"))
    there = reopen(copy)
    assert there.library.next_queued() is None
    assert services.library.next_queued() == services.library.find(record.id)


def test_a_file_that_was_moved_alone_still_owns_its_models(
    services: LibraryServices, repo: Repo, reopen: Reopen, copy: Path
) -> None:
    """Until a database is in the old folder again."""
    record = downloaded(services)
    copy.mkdir()
    for file in services.paths.base.glob("chats.sqlite3*"):
        file.rename(copy / file.name)
    there = reopen(copy)
    assert there.library.find(record.id) == record
    assert there.ledger.entries(record.folder)
    assert not reopen(services.paths.base).library.models()  # makes a new file
    assert not there.ledger.entries(record.folder)
    removed(there)
    assert names(record.folder) >= set(tiny_contents())


@links
def test_another_name_of_the_same_folder_changes_nothing(
    services: LibraryServices, repo: Repo, reopen: Reopen, tmp_path: Path
) -> None:
    record = downloaded(services)
    (tmp_path / "link").symlink_to(services.paths.base)
    there = reopen(tmp_path / "link")
    assert there.library.find(record.id) == record
    assert services.library.find(record.id) == record
    (tmp_path / "link").unlink()
    services.paths.base.rename(tmp_path / "link")
    removed(reopen(tmp_path / "link"))
    assert names(tmp_path / "link" / "models") == set()


def test_a_copy_within_the_data_folder_and_back(services: LibraryServices, repo: Repo, reopen: Reopen) -> None:
    base = services.paths.base
    record = downloaded(services)
    inner = base / "copy"
    shutil.copytree(base, base.with_name("aside"))
    base.with_name("aside").rename(inner)
    there = reopen(inner)
    assert [each.folder for each in there.library.models()] == [inner / "models" / record.folder.name]
    assert services.library.find(record.id) == record
    shutil.rmtree(record.folder)
    for file in base.glob("chats.sqlite3*"):
        file.unlink()
    for file in inner.iterdir():
        if file.name == "models" or file.name.startswith("chats.sqlite3"):
            shutil.copytree(file, base / file.name, dirs_exist_ok=True) if file.is_dir() else shutil.copy2(file, base)
    back = reopen(base)
    assert back.library.find(record.id).folder == record.folder
    removed(back)
    assert not record.folder.exists()
    assert names(inner / "models" / record.folder.name) >= set(tiny_contents())


def test_nothing_is_half_changed(
    services: LibraryServices, repo: Repo, reopen: Reopen, copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = downloaded(services)
    shutil.copytree(services.paths.base, copy)

    def fails(*_: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patch:
        patch.setattr("app.library.home.json.dumps", fails)
        with pytest.raises(RuntimeError, match="killed"):
            reopen(copy).library.models()
    (found,) = reopen(copy).library.models()
    assert found.folder == copy / "models" / record.folder.name


def test_a_copy_of_an_earlier_version_is_known_by_the_file_beside_its_models(
    services: LibraryServices, repo: Repo, reopen: Reopen, copy: Path
) -> None:
    """It noted nowhere where the data folder was."""
    record = downloaded(services)
    with services.library.opened() as db, transaction(db, durable=True):
        db.execute("DELETE FROM app_meta WHERE key = 'data_folder'")
    shutil.copytree(services.paths.base, copy)
    there = reopen(copy)
    assert [each.folder for each in there.library.models()] == [copy / "models" / record.folder.name]
    removed(there)
    assert names(record.folder) >= set(tiny_contents())


@links
def test_copied_files_with_two_names_are_ours(
    services: LibraryServices, repo: Repo, reopen: Reopen, copy: Path, tmp_path: Path
) -> None:
    """As a merged model and its base have them."""
    record = downloaded(services)
    shutil.copytree(services.paths.base, copy)
    folder = copy / "models" / record.folder.name
    for name in tiny_contents():
        os.link(folder / name, tmp_path / name)
    removed(reopen(copy))
    assert not folder.exists()
    assert (tmp_path / "config.json").is_file()
