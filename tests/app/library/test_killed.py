"""Merges, removals and the ends of downloads, killed at every step: nothing is lost, nothing lies about unseen."""

from __future__ import annotations

import os
import shutil
import threading
from pathlib import Path

import pytest

from app.library import adding, care, download
from app.library.overview import library_status
from app.library.records import ModelRecord
from app.library.services import LibraryServices
from app.library.values import ModelState, ModelStatus
from inference.checkpoint.adapters import MERGED
from tests.helpers.adapters import QUERY, factors, write_adapter
from tests.helpers.checkpoints import random_tensors, tiny_config, write_model
from tests.helpers.hub_behaviour import Repo
from tests.helpers.killing import killed, numbers_held
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
            if services.library.models():
                remove(services, record)
            clear(services)
            assert not services.library.models()
            assert [path.name for path in record.folder.iterdir()] == ["notes.txt"], f"step {step}"
            shutil.rmtree(base)
            shutil.copytree(kept, base)
            step += 1
    assert step > len(tiny_contents())


@pytest.mark.slow
def test_a_merge_that_is_killed_at_any_step_is_there_or_not(services: LibraryServices, tmp_path: Path) -> None:
    own = write_model(tmp_path / "base", random_tensors(tiny_config()), tiny_config())
    adapter = write_adapter(tmp_path / "adapter", factors(QUERY, 16, 16))
    adding.add_folder(services, own)
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
            step += 1
    assert step > len(tiny_contents())
