"""Merges, removals and the ends of downloads, killed at every step: nothing is lost, nothing lies about unseen."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from app.library import adding, care, download
from app.library.half_removed import settle_removals
from app.library.ledger import Ledger
from app.library.overview import library_status
from app.library.records import ModelRecord, RemovalNote
from app.library.services import LibraryServices
from app.library.values import ModelState, ModelStatus
from inference.checkpoint.adapters import MERGED
from inference.engines.making import making_folder
from inference.look.client import Looks
from tests.helpers.adapters import QUERY, factors, write_adapter
from tests.helpers.checkpoints import random_tensors, tiny_config, write_model
from tests.helpers.hub_behaviour import Repo
from tests.helpers.killing import killed, numbers_held
from tests.helpers.own_folders import add_folder
from tests.helpers.scale import sized
from tests.helpers.tiny_models import accepted, downloaded, tiny_contents

pytestmark = [
    pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows cannot fork"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),  # 3.12 warns of threads
]


def state(services: LibraryServices, record: ModelRecord) -> ModelStatus:
    """As the status shows it."""
    model = library_status(services).model(record.id)
    assert model is not None
    return model


def remove(services: LibraryServices, record: ModelRecord) -> None:
    """What a click on Remove does."""
    care.remove(services, care.removal(services, state(services, record)))


def clear(services: LibraryServices) -> None:
    """Delete every leftover; each is offered once."""
    left = library_status(services).leftovers
    assert len(left) == len({each.path for each in left})
    for each in left:
        care.clear(services, each)
    assert not library_status(services).leftovers


def test_a_removal_that_is_killed_at_any_step_goes_on(services: LibraryServices, repo: Repo) -> None:
    downloaded(services)
    (record,) = services.library.models()
    (record.folder / "notes.txt").write_text("mine", encoding="utf-8")
    base = services.paths.base
    kept = base.with_name("kept")
    shutil.copytree(base, kept)
    step = 0
    with numbers_held(record.folder):
        while killed(lambda: remove(services, record), step):
            library_status(services)
            if services.library.models():  # it had not begun
                assert state(services, record).state in (ModelState.INSTALLED, ModelState.READY), f"step {step}"
                remove(services, record)
            clear(services)
            assert not services.library.models()
            assert not services.library.removals()
            assert [path.name for path in record.folder.iterdir()] == ["notes.txt"], f"step {step}"
            shutil.rmtree(base)
            shutil.copytree(kept, base)
            step += sized(2, 1)
    assert step > len(tiny_contents())


def test_who_downloads_a_model_again_does_not_lose_it_to_a_removal_that_was_killed(
    services: LibraryServices, repo: Repo
) -> None:
    downloaded(services)
    (record,) = services.library.models()
    files = tuple(tiny_contents())
    services.library.begin_removal(RemovalNote(record.id, str(record.folder), files, ()))
    download.resume(services, record)
    assert not services.library.removals()
    assert state(services, record).state is ModelState.QUEUED
    assert all((record.folder / file).is_file() for file in files)


def test_a_removal_that_cannot_be_finished_is_the_users_to_decide_on_again(
    services: LibraryServices, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloaded(services)
    (record,) = services.library.models()
    services.library.begin_removal(RemovalNote(record.id, str(record.folder), tuple(tiny_contents()), ()))
    monkeypatch.setattr(Ledger, "remove", refuse)
    assert state(services, record).state in (ModelState.INSTALLED, ModelState.READY)
    assert not services.library.removals()


def test_a_removal_on_a_drive_that_hangs_waits(
    services: LibraryServices, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    downloaded(services)
    (record,) = services.library.models()
    files = tuple(file.name for file in care.removal(services, state(services, record)).files)
    note = RemovalNote(record.id, str(record.folder), files, ())
    services.library.begin_removal(note)
    monkeypatch.setattr(Looks, "answers", lambda *_: False)
    settle_removals(services)
    assert services.library.removals() == (note,)
    monkeypatch.undo()
    settle_removals(services)
    assert not services.library.models()
    assert not record.folder.exists()


def refuse(*_: object) -> None:
    """As a system does where another program has a file open."""
    raise OSError(13, "Permission denied", "model.safetensors")


def test_graphs_whose_making_was_killed_are_found_and_deleted(services: LibraryServices) -> None:
    graphs = services.paths.graphs
    scratch, mine = graphs / "making-ab_12cd3", graphs / "making-my-own"
    for folder in (scratch, mine):
        folder.mkdir(parents=True)
        (folder / "embed.onnx").write_bytes(b"graph")
    (scratch / "notes.txt").write_text("mine", "utf-8")
    (graphs / "making-99999999").symlink_to(mine)
    with making_folder(graphs) as now:
        assert not library_status(services).leftovers, "somebody makes graphs just now"
    assert not now.exists()
    (left,) = library_status(services).leftovers
    assert (left.path, left.size, left.whole) == (scratch, 5, False)
    assert ([each.name for each in left.files], [each.name for each in left.kept]) == (["embed.onnx"], ["notes.txt"])
    assert care.clear(services, left) == 5
    assert [each.name for each in scratch.iterdir()] == ["notes.txt"]
    assert (mine / "embed.onnx").is_file()
    (scratch / "notes.txt").unlink()
    clear(services)
    assert not scratch.exists()


@pytest.mark.slow
def test_a_merge_that_is_killed_at_any_step_is_there_or_not(services: LibraryServices, tmp_path: Path) -> None:
    own = write_model(tmp_path / "base", random_tensors(tiny_config()), tiny_config())
    adapter = write_adapter(tmp_path / "adapter", factors(QUERY, 16, 16))
    add_folder(services, own)
    before = {file.name: file.read_bytes() for file in own.iterdir()}
    base, kept = services.paths.base, tmp_path / "kept"
    shutil.copytree(base, kept)

    def merge() -> None:
        for _ in adding.merge(services, adapter, own, "New", threading.Event()):
            pass

    step, finished = 0, 0
    while killed(merge, step):
        merged = [model for model in library_status(services).models if model.kind == "merged"]
        if merged:
            finished += 1
            assert [model.state in (ModelState.INSTALLED, ModelState.READY) for model in merged] == [True]
        clear(services)
        lying = {file.parent.name: file.name for file in services.paths.models.rglob("*") if file.is_file()}
        assert set(lying) == ({"New"} if merged else set()), f"step {step}: what is no model can be cleared: {lying}"
        if not merged and step % 8:
            step += 1
            continue  # nothing is left: the next kill meets what this one met
        if not merged:
            merge()
        (record,) = (each for each in services.library.models() if each.kind == "merged")
        assert (record.folder / MERGED).is_file()
        remove(services, record)
        assert not record.folder.exists()
        assert {file.name: file.read_bytes() for file in own.iterdir()} == before
        shutil.rmtree(base)
        shutil.copytree(kept, base)
        step += 1
    assert step > 20
    assert finished, "a kill after the rename loses nothing"


@pytest.mark.slow
@pytest.mark.parametrize("then", ["removed", "finished"])
def test_a_download_that_is_killed_at_the_end_of_any_file(services: LibraryServices, repo: Repo, then: str) -> None:
    record = accepted(services)
    (record.folder / "notes.txt").write_text("mine", encoding="utf-8")
    base, kept = services.paths.base, services.paths.base.with_name("kept")
    shutil.copytree(base, kept)

    def fetch() -> None:
        for _ in download.download(services, record, threading.Event()):
            pass

    step = 0
    with numbers_held(record.folder):
        while killed(fetch, step, ("os.rename", "os.remove")):
            if then == "finished":
                fetch()
                assert state(services, record).state in (ModelState.INSTALLED, ModelState.READY)
            remove(services, record)
            assert [path.name for path in record.folder.iterdir()] == ["notes.txt"], f"step {step}"
            assert not library_status(services).leftovers
            shutil.rmtree(base)
            shutil.copytree(kept, base)
            step += sized(2, 1)
    assert step > len(tiny_contents())
