"""What Dewpoint wrote is what its database says: nothing else is deleted, replaced or followed."""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from pathlib import Path

import pytest

from app.base.errors import KnownAppError
from app.library import adding, care, download
from app.library.hub import HubError
from app.library.manifest import read_manifest
from app.library.overview import library_status
from app.library.records import MOVING, ModelRecord, MoveNote
from app.library.services import LibraryServices
from app.library.values import ModelState, ModelStatus
from app.transfers.errors import TransferError
from app.transfers.names import LOCK_NAME
from app.transfers.values import TransferFinished
from inference.errors import ModelFolderError
from inference.graphs.names import MODEL_NOTE as MANIFEST
from tests.helpers.adapters import QUERY, factors, write_adapter
from tests.helpers.checkpoints import random_tensors, tiny_config, write_model
from tests.helpers.hub_behaviour import Repo, repo_of
from tests.helpers.hub_server import Hub
from tests.helpers.older import as_an_older_dewpoint_left_it
from tests.helpers.own_folders import add_folder
from tests.helpers.tiny_models import NAME, accepted, downloaded, tiny_contents

SHARD = "model-00001-of-00002.safetensors"
links = pytest.mark.skipif(sys.platform == "win32", reason="links take a right there that users do not have")


@pytest.fixture
def record(services: LibraryServices, repo: Repo) -> ModelRecord:
    """An installed model."""
    return downloaded(services)


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A file of the user's, elsewhere."""
    file = tmp_path / "thesis.odt"
    file.write_text("four years", encoding="utf-8")
    return file


def status(services: LibraryServices, record: ModelRecord) -> ModelStatus:
    """As the status shows it."""
    model = library_status(services).model(record.id)
    assert model is not None
    return model


def removed(services: LibraryServices, record: ModelRecord) -> None:
    """What a click on Remove does."""
    care.remove(services, care.removal(services, status(services, record)))


def note_for(folder: Path, *paths: str) -> None:
    """A stranger's list of files: complete, and right in every size."""
    files = [
        {"path": path, "size": (folder / path).stat().st_size, "kind": "sha256", "digest": "0" * 64, "verified": True}
        for path in paths
    ]
    raw = {
        "version": 1,
        "display_name": "Bait",
        "repo": "owner/bait",
        "revision": "0" * 40,
        "licence": "",
        "accepted": "",
    }
    (folder / MANIFEST).write_text(json.dumps(raw | {"files": files}), encoding="utf-8")


# -- folders that say they are ours ----------------------------------------------------------------------------------


def test_a_folder_that_brings_a_list_of_files_is_the_users_own(services: LibraryServices, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "stranger", random_tensors(tiny_config()), tiny_config())
    note_for(folder, *(file.name for file in folder.iterdir()))
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    record = add_folder(services, folder)
    assert record.kind == "folder"
    removal = care.removal(services, status(services, record))
    assert (removal.files, removal.size) == ((), 0)
    care.remove(services, removal)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before


@pytest.mark.parametrize("name", ["bait", f"bait{MOVING}", ".bait.merging", ".bait.0123abcd.merging"])
def test_a_folder_in_the_models_folder_that_we_did_not_write_is_never_deleted(
    services: LibraryServices, name: str
) -> None:
    folder = services.paths.models / name
    folder.mkdir(parents=True)
    (folder / "photo.jpg").write_bytes(b"mine")
    note_for(folder, "photo.jpg")
    (folder / "dewpoint-merge.json").write_text("{}", encoding="utf-8")
    for leftover in library_status(services).leftovers:
        assert not leftover.files
        care.clear(services, leftover)
    for leftover in library_status(services).leftovers:
        removed(services, care.adopt(services, leftover))
    assert (folder / "photo.jpg").read_bytes() == b"mine"
    assert (folder / MANIFEST).exists()


@links
@pytest.mark.parametrize("note", ["symlink", "pipe", "huge", "deep"])
def test_a_note_that_is_no_file_of_ours_is_none(services: LibraryServices, document: Path, note: str) -> None:
    folder = services.paths.models / "bait"
    folder.mkdir(parents=True)
    match note:
        case "symlink":
            (folder / MANIFEST).symlink_to(document)
        case "pipe":
            os.mkfifo(folder / MANIFEST)
        case "huge":
            (folder / MANIFEST).touch()
            os.truncate(folder / MANIFEST, 1 << 40)
        case "deep":
            (folder / MANIFEST).write_text("[" * 200_000, encoding="utf-8")
    assert read_manifest(services.looks, folder) is None
    assert not library_status(services).leftovers


# -- links, and files that took the place of ours --------------------------------------------------------------------


@links
@pytest.mark.parametrize("name", [SHARD, MANIFEST, LOCK_NAME])
def test_a_link_in_the_place_of_our_file_stays_and_so_does_its_target(
    services: LibraryServices, record: ModelRecord, document: Path, name: str
) -> None:
    (record.folder / name).unlink()
    (record.folder / name).symlink_to(document)
    removal = care.removal(services, status(services, record))
    assert record.folder / name in removal.kept
    care.remove(services, removal)
    assert document.read_text() == "four years"
    assert [file.name for file in record.folder.iterdir()] == [name]


@links
def test_a_folder_that_became_a_link_is_not_followed(
    services: LibraryServices, record: ModelRecord, tmp_path: Path
) -> None:
    """The user moved it to another drive by hand, and left a link."""
    moved = tmp_path / "moved by hand"
    record.folder.rename(moved)
    record.folder.symlink_to(moved)
    removed(services, record)
    assert {file.name for file in moved.iterdir()} >= {SHARD, MANIFEST}
    assert record.folder.is_symlink()


def test_a_file_that_was_replaced_is_kept(services: LibraryServices, record: ModelRecord) -> None:
    mine = record.folder.parent / "mine"
    mine.write_text("my own settings", encoding="utf-8")
    os.replace(mine, record.folder / "config.json")
    removal = care.removal(services, status(services, record))
    assert removal.kept == (record.folder / "config.json",)
    care.remove(services, removal)
    assert (record.folder / "config.json").read_text() == "my own settings"
    assert [file.name for file in record.folder.iterdir()] == ["config.json"]


def test_a_file_that_got_the_number_of_ours_is_kept(services: LibraryServices, record: ModelRecord) -> None:
    """ext4 gives the number of a deleted file to the next one."""
    (record.folder / "config.json").write_text("my own settings", encoding="utf-8")
    removed(services, record)
    assert (record.folder / "config.json").read_text() == "my own settings"


def test_a_file_that_was_edited_in_place_is_kept(services: LibraryServices, record: ModelRecord) -> None:
    """To the same length: its number and its size are those of ours."""
    config = record.folder / "config.json"
    edited = config.read_bytes().swapcase()
    with config.open("r+b") as stream:
        stream.write(edited)
    os.utime(config)
    assert care.removal(services, status(services, record)).kept == (config,)
    removed(services, record)
    assert config.read_bytes() == edited
    assert [file.name for file in record.folder.iterdir()] == ["config.json"]


def test_a_copy_that_was_edited_in_place_is_kept(
    services: LibraryServices, record: ModelRecord, tmp_path: Path
) -> None:
    """After a move, too, where the time is that of the copy."""
    (tmp_path / "drive").mkdir()
    list(care.move(services, record, tmp_path / "drive", threading.Event()))
    moved = services.library.find(record.id)
    os.utime(moved.folder / SHARD, ns=(0, 1_234_567_891))
    removed(services, moved)
    assert [file.name for file in moved.folder.iterdir()] == [SHARD]


@links
def test_a_merged_model_whose_base_was_removed_is_still_ours(services: LibraryServices, tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", random_tensors(tiny_config()), tiny_config())
    adapter = write_adapter(tmp_path / "adapter", factors(QUERY, 16, 16))
    list(adding.merge(services, adapter, base, "New", threading.Event()))
    (merged,) = services.library.models()
    shutil.rmtree(base)
    removed(services, merged)
    assert not merged.folder.exists()


def test_empty_files_of_the_user_are_kept(services: LibraryServices, record: ModelRecord) -> None:
    for name in ("MY-EMPTY-MARKER", "sub/.gitkeep", ".notes.tmp"):
        (record.folder / name).parent.mkdir(exist_ok=True)
        (record.folder / name).touch()
    for name in (f"{SHARD}.part", f"{SHARD}.part.journal", f".{MANIFEST}.0123abcd.tmp"):  # as a kill leaves them
        (record.folder / name).touch()
    removed(services, record)
    left = {file.relative_to(record.folder).as_posix() for file in record.folder.rglob("*")}
    assert left == {"MY-EMPTY-MARKER", "sub", "sub/.gitkeep", ".notes.tmp"}


def test_an_empty_file_in_a_folder_that_is_copied_into_is_ours(services: LibraryServices, tmp_path: Path) -> None:
    """A kill came between making and noting it; a model's folder of such a name is none."""
    scratch, model = tmp_path / f"one{MOVING}", tmp_path / f"two{MOVING}"
    services.library.begin_move(MoveNote(tmp_path / "one", tmp_path / "target", scratch))
    for folder in (scratch, model):
        services.ledger.new_folder(folder)
        (folder / "config.json").touch()
        services.ledger.remove(services.ledger.holding(folder))
    assert not scratch.exists()
    assert (model / "config.json").exists()


def test_what_changes_between_the_list_and_the_click_is_kept(services: LibraryServices, record: ModelRecord) -> None:
    removal = care.removal(services, status(services, record))
    (record.folder / "late.txt").write_text("late", encoding="utf-8")
    mine = record.folder.parent / "mine"
    mine.write_text("mine", encoding="utf-8")
    os.replace(mine, record.folder / SHARD)
    care.remove(services, removal)
    assert sorted(file.name for file in record.folder.iterdir()) == ["late.txt", SHARD]


@links
def test_of_a_file_with_two_names_ours_goes(services: LibraryServices, record: ModelRecord, tmp_path: Path) -> None:
    os.link(record.folder / SHARD, tmp_path / "kept.safetensors")
    removed(services, record)
    assert (tmp_path / "kept.safetensors").stat().st_size == 700_000
    assert not record.folder.exists()


def test_a_folder_that_was_brought_back_from_a_backup_is_ours(
    services: LibraryServices, record: ModelRecord, tmp_path: Path
) -> None:
    """All numbers are others then; sizes and times are not."""
    shutil.copytree(record.folder, tmp_path / "backup")
    shutil.rmtree(record.folder)
    shutil.copytree(tmp_path / "backup", record.folder)
    (record.folder / "notes.txt").write_text("mine", encoding="utf-8")
    removed(services, record)
    assert [file.name for file in record.folder.iterdir()] == ["notes.txt"]


# -- downloads over the user's own files -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["config.json", f"{SHARD}.part", f"{SHARD}.part.journal", LOCK_NAME])
def test_a_download_takes_another_folder_where_files_of_the_user_lie(
    services: LibraryServices, repo: Repo, name: str
) -> None:
    usual = services.folder_for(NAME)
    usual.mkdir(parents=True)
    (usual / name).write_text("mine", encoding="utf-8")
    record = downloaded(services)
    assert record.folder == usual.with_name(f"{usual.name}-2")
    assert status(services, record).state in (ModelState.INSTALLED, ModelState.READY)
    assert (usual / name).read_text() == "mine"
    removed(services, record)
    assert [file.name for file in usual.iterdir()] == [name]


def test_files_that_are_right_are_used_and_stay_the_users(services: LibraryServices, repo: Repo, hub: Hub) -> None:
    usual = services.folder_for(NAME)
    usual.mkdir(parents=True)
    content = tiny_contents()[SHARD]
    assert isinstance(content, bytes)
    (usual / SHARD).write_bytes(content)
    note_for(usual, SHARD)
    record = downloaded(services)
    assert record.folder == usual
    assert not hub.behaviour.requests(SHARD)
    removed(services, record)
    assert {file.name for file in usual.iterdir()} == {SHARD, MANIFEST}
    assert "Bait" in (usual / MANIFEST).read_text("utf-8")


@pytest.mark.parametrize("when", ["before the download", "between pause and going on"])
def test_a_file_that_appears_meanwhile_is_in_the_way(services: LibraryServices, repo: Repo, when: str) -> None:
    record = accepted(services)
    content = tiny_contents()[SHARD]
    assert isinstance(content, bytes)
    if when != "before the download":
        (record.folder / "config.json").write_text("x", encoding="utf-8")
        with pytest.raises(TransferError):
            list(download.download(services, record, threading.Event()))
        (record.folder / "config.json").unlink()
    mine = bytes(len(content))  # of the right size
    (record.folder / SHARD).write_bytes(mine)
    with pytest.raises(TransferError) as caught:
        list(download.download(services, record, threading.Event()))
    assert caught.value.kind == "in_the_way"
    assert SHARD in caught.value.user_text
    assert (record.folder / SHARD).read_bytes() == mine
    (record.folder / SHARD).unlink()
    assert isinstance(list(download.download(services, record, threading.Event()))[-1], TransferFinished)


@links
@pytest.mark.parametrize("name", ["config.json", f"{SHARD}.part", f"{SHARD}.part.journal", LOCK_NAME, MANIFEST])
def test_a_download_writes_through_no_link(services: LibraryServices, repo: Repo, document: Path, name: str) -> None:
    record = accepted(services)
    (record.folder / name).unlink(missing_ok=True)
    (record.folder / name).symlink_to(document)
    if name == MANIFEST:
        list(download.download(services, record, threading.Event()))
    else:
        with pytest.raises(TransferError) as caught:
            list(download.download(services, record, threading.Event()))
        assert caught.value.kind == "in_the_way"
    assert document.read_text() == "four years"
    assert (record.folder / name).is_symlink()


@links
def test_a_download_goes_into_no_folder_that_is_a_link(services: LibraryServices, repo: Repo, tmp_path: Path) -> None:
    mine = tmp_path / "my documents"
    mine.mkdir()
    services.paths.models.mkdir(parents=True)
    services.folder_for(NAME).symlink_to(mine)
    assert downloaded(services).folder.name.endswith("-2")
    assert not list(mine.iterdir())


def test_two_names_of_one_folder_are_two_downloads(services: LibraryServices, repo: Repo, hub: Hub) -> None:
    """As on a drive that takes no notice of capitals."""
    first = downloaded(services)
    hub.add(repo_of("Owner/Tiny", tiny_contents(seed=3)))
    if not services.folder_for("Owner/Tiny").exists():
        services.folder_for("Owner/Tiny").symlink_to(first.folder)
    assert accepted(services, "Owner/Tiny").folder != services.folder_for("Owner/Tiny")


# -- what an older version wrote -------------------------------------------------------------------------------------


def test_downloads_of_an_older_version_are_ours(services: LibraryServices, record: ModelRecord) -> None:
    (record.folder / "notes.txt").write_text("mine", encoding="utf-8")
    as_an_older_dewpoint_left_it(services)
    assert status(services, record).state in (ModelState.INSTALLED, ModelState.READY)
    removed(services, record)
    assert [file.name for file in record.folder.iterdir()] == ["notes.txt"]


@links
def test_links_in_downloads_of_an_older_version_are_not(
    services: LibraryServices, record: ModelRecord, document: Path
) -> None:
    (record.folder / SHARD).unlink()
    (record.folder / SHARD).symlink_to(document)
    as_an_older_dewpoint_left_it(services)
    removed(services, record)
    assert document.exists()
    assert [file.name for file in record.folder.iterdir()] == [SHARD]


def test_a_folder_elsewhere_that_an_older_version_took_for_ours(services: LibraryServices, tmp_path: Path) -> None:
    folder = write_model(tmp_path / "stranger", random_tensors(tiny_config()), tiny_config())
    note_for(folder, *(file.name for file in folder.iterdir()))
    record = services.library.add("download", folder, "Bait", "owner/bait")
    as_an_older_dewpoint_left_it(services)
    before = sorted(folder.iterdir())
    removed(services, record)
    assert sorted(folder.iterdir()) == before


# -- moves and merges ------------------------------------------------------------------------------------------------


def test_a_move_and_a_merge_leave_folders_of_their_names_alone(
    services: LibraryServices, record: ModelRecord, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, drive = os.stat, tmp_path / "drive"
    drive.mkdir()

    def stat(path: object, *args: object, **kwargs: object) -> object:
        found = real(path, *args, **kwargs)  # type: ignore[call-overload]
        other = str(path) == str(drive)
        return os.stat_result((*found[:2], found.st_dev + 1, *found[3:10])) if other else found

    monkeypatch.setattr(os, "stat", stat)
    mine = drive / f"{record.folder.name}{MOVING}"
    mine.mkdir()
    (mine / "photo.jpg").write_bytes(b"mine")
    list(care.move(services, record, drive, threading.Event()))
    assert services.library.find(record.id).folder == drive / record.folder.name
    assert (mine / "photo.jpg").read_bytes() == b"mine"
    assert sorted(path.name for path in drive.iterdir()) == [record.folder.name, mine.name]


def test_a_folder_that_appears_while_a_merge_runs_is_left_alone(services: LibraryServices, tmp_path: Path) -> None:
    base = write_model(tmp_path / "base", random_tensors(tiny_config()), tiny_config())
    adapter = write_adapter(tmp_path / "adapter", factors(QUERY, 16, 16))
    steps = adding.merge(services, adapter, base, "New", threading.Event())
    next(steps)
    target = services.paths.models / "New"
    target.mkdir()
    (target / "photo.jpg").write_bytes(b"mine")
    with pytest.raises((KnownAppError, ModelFolderError)):
        list(steps)
    assert [path.name for path in services.paths.models.iterdir()] == ["New"]
    assert (target / "photo.jpg").read_bytes() == b"mine"


def test_a_note_of_a_move_makes_no_folder_ours(services: LibraryServices, record: ModelRecord, tmp_path: Path) -> None:
    """The drive was emptied by hand after a kill, and the user made a folder of that name."""
    scratch = tmp_path / f"{record.folder.name}{MOVING}"
    services.library.begin_move(MoveNote(record.folder, tmp_path / record.folder.name, scratch))
    scratch.mkdir()
    (scratch / "photo.jpg").write_bytes(b"mine")
    assert not library_status(services).leftovers
    list(care.move(services, record, tmp_path, threading.Event()))
    assert (scratch / "photo.jpg").read_bytes() == b"mine"


# -- repositories that use our names ---------------------------------------------------------------------------------

BAIT = (
    MANIFEST, "DEWPOINT-MODEL.JSON", "dewpoint-graphs.json", "dewpoint-embed.onnx", "dewpoint-merge.json", LOCK_NAME,
    f"{SHARD}.part", f"{SHARD}.part.journal", f".{MANIFEST}.0123abcd.tmp", f"{MANIFEST}.new", "x.moving/config.json",
    ".out.merging/config.json", "build.lock", "engines.json/config.json",
)  # fmt: skip


def test_files_of_our_names_in_a_repository_are_not_taken(services: LibraryServices, hub: Hub) -> None:
    hub.add(repo_of(NAME, tiny_contents() | dict.fromkeys(BAIT, b'{"version": 1, "files": []}')))
    record = downloaded(services)
    listed = services.library.listed(record.id)
    assert listed is not None
    assert {file.path for file in listed.files} == set(tiny_contents())
    assert {file.name for file in record.folder.iterdir()} - set(tiny_contents()) == {MANIFEST, LOCK_NAME}
    assert status(services, record).state in (ModelState.INSTALLED, ModelState.READY)


@pytest.mark.parametrize("name", [f"owner/tiny{MOVING}", "owner/tiny.merging", "owner/tiny.part"])
def test_a_repository_of_a_temporary_name_is_a_model_as_any_other(
    services: LibraryServices, record: ModelRecord, hub: Hub, tmp_path: Path, name: str
) -> None:
    hub.add(repo_of(name, tiny_contents(seed=4)))
    other = downloaded(services, name)
    services.library.begin_move(MoveNote(record.folder, record.folder, other.folder))  # a kill, long ago
    assert status(services, other).state in (ModelState.INSTALLED, ModelState.READY)
    assert not library_status(services).leftovers
    before = sorted(other.folder.iterdir())
    list(care.move(services, record, tmp_path, threading.Event()))
    assert sorted(other.folder.iterdir()) == before
    removed(services, other)
    assert not other.folder.exists()
    assert status(services, record).state in (ModelState.INSTALLED, ModelState.READY)


@pytest.mark.parametrize(
    "name",
    [
        "..\\..\\x.json", "C:x.json", "\\x.json", "a\0b.json", "a" * 300 + ".json", "é" * 130 + ".json",
        "model.safetensors.index.json/../../x.json",
    ],
)  # fmt: skip
def test_names_that_no_folder_can_hold_are_one_sentence(services: LibraryServices, hub: Hub, name: str) -> None:
    hub.add(repo_of(NAME, tiny_contents() | {name: b"{}"}))
    try:
        record = downloaded(services)
    except (HubError, TransferError):  # one sentence, and nothing was written
        assert not services.paths.models.exists()
        return
    assert {file.name for file in record.folder.iterdir()} <= {*tiny_contents(), MANIFEST, LOCK_NAME}


def test_names_of_devices_and_of_two_cases(services: LibraryServices, hub: Hub) -> None:
    extra = dict.fromkeys(("con.json", "AUX.json", "nul.md", "Config.json", "readme.md", "README.md"), b"{}")
    hub.add(repo_of(NAME, tiny_contents() | extra))
    record = downloaded(services)
    (record.folder / "notes.txt").write_text("mine", encoding="utf-8")
    removed(services, record)
    assert [file.name for file in record.folder.iterdir()] == ["notes.txt"]
