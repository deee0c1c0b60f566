"""What users have already: folders are used where they lie, adapters become models of our own."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import numpy as np
import pytest

from app.base.errors import KnownAppError
from app.library import adding, care
from app.library.manifest import read_manifest
from app.library.overview import library_status
from app.library.records import ModelRecord
from app.library.services import LibraryServices
from app.library.values import ModelState, ModelStatus, Step
from app.transfers.values import FileDamaged, TransferFinished
from inference.checkpoint.adapters import MERGED
from inference.errors import ModelFolderError
from tests.helpers.adapters import QUERY, factors, write_adapter
from tests.helpers.checkpoints import random_tensors, tiny_config, write_model
from tests.helpers.own_folders import add_folder


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A checkpoint of the user's."""
    return write_model(tmp_path / "my model", random_tensors(tiny_config(), dtype=np.float32), tiny_config())


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """An adapter that changes one matrix."""
    return write_adapter(tmp_path / "my adapter", factors(QUERY, 16, 16))


def status(services: LibraryServices, record: ModelRecord) -> ModelStatus:
    """As the status shows it."""
    model = library_status(services).model(record.id)
    assert model is not None
    return model


def merge(services: LibraryServices, adapter: Path, base: Path, title: str) -> tuple[list[Step], ModelRecord | None]:
    """All steps, and the new model."""
    steps, generator = [], adding.merge(services, adapter, base, title, threading.Event())
    while True:
        try:
            steps.append(next(generator))
        except StopIteration as end:
            return steps, end.value


def test_a_folder_is_used_where_it_lies(services: LibraryServices, own: Path) -> None:
    before = {file.name: file.read_bytes() for file in own.iterdir()}
    record = add_folder(services, own)
    assert (record.kind, record.folder) == ("folder", own.resolve())
    assert status(services, record).state in (ModelState.INSTALLED, ModelState.READY)
    assert not status(services, record).checkable
    assert add_folder(services, own / ".." / own.name).id == record.id, "the same folder is one model"
    care.remove(services, care.removal(services, status(services, record)))
    assert {file.name: file.read_bytes() for file in own.iterdir()} == before


def test_a_folder_that_changes_is_damaged_or_missing(services: LibraryServices, own: Path) -> None:
    record = add_folder(services, own)
    weights = next(own.glob("*.safetensors"))
    os.truncate(weights, weights.stat().st_size - 100)
    model = status(services, record)
    assert model.state == ModelState.DAMAGED
    assert model.problem is not None
    assert "incomplete" in model.problem.text
    own.rename(own.with_name("elsewhere"))
    assert status(services, record).state == ModelState.MISSING


def test_what_is_no_model_is_named(services: LibraryServices, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text('{"model_type": "llama", "architectures": ["LlamaForCausalLM"]}')
    with pytest.raises(ModelFolderError) as caught:
        add_folder(services, tmp_path)
    assert "LlamaForCausalLM" in caught.value.user_text
    assert not services.library.models()


def test_an_adapter_alone_needs_its_base(services: LibraryServices, adapter: Path) -> None:
    with pytest.raises(KnownAppError) as caught:
        add_folder(services, adapter)
    assert "adapter (LoRA)" in caught.value.user_text


def test_an_adapter_and_its_base_become_a_model(services: LibraryServices, own: Path, adapter: Path) -> None:
    base = add_folder(services, own)
    steps, record = merge(services, adapter, base.folder, "Mine + adapter")
    assert record is not None
    fractions = [step.fraction for step in steps]
    assert fractions == sorted(fractions)
    assert record.kind == "merged"
    assert any(step.notes for step in steps), "an adapter of one side works on both, and that is said"
    model = status(services, record)
    assert model.title == "Mine + adapter"
    assert model.state in (ModelState.INSTALLED, ModelState.READY)
    assert (record.folder / MERGED).exists()
    manifest = read_manifest(services.looks, record.folder)
    assert manifest is not None
    assert manifest.complete
    assert {file.path for file in manifest.files} == {
        file.name for file in record.folder.iterdir() if file.name != "dewpoint-model.json"
    }
    assert isinstance(list(care.verify(services, record, threading.Event()))[-1], TransferFinished)
    found = (record.folder / MERGED).stat()
    (record.folder / MERGED).write_bytes(bytes(found.st_size))
    os.utime(record.folder / MERGED, ns=(found.st_atime_ns, found.st_mtime_ns))  # a bad drive leaves the time
    events = list(care.verify(services, record, threading.Event()))
    assert [event.path for event in events if isinstance(event, FileDamaged)] == [MERGED]
    removal = care.removal(services, status(services, record))
    linked = [file for file in removal.files if file.stat().st_nlink > 1]
    assert linked, "the base's weights are linked"
    assert removal.size == sum(file.stat().st_size for file in removal.files if file not in linked)
    care.remove(services, removal)
    assert not record.folder.exists()
    assert status(services, base).usable, "the links are gone, the base's files are not"


def test_a_merge_that_is_stopped_leaves_nothing(services: LibraryServices, own: Path, adapter: Path) -> None:
    for count in range(1, 8):
        generator = adding.merge(services, adapter, own, "stopped", threading.Event())
        for _ in range(count):
            if next(generator, None) is not None:
                assert not library_status(services).leftovers, "what is being merged is no leftover"
        generator.close()
        assert not list(services.paths.models.glob("*"))
        assert not services.library.models()
    cancel = threading.Event()
    cancel.set()
    assert not list(adding.merge(services, adapter, own, "cancelled", cancel))
    assert not services.library.models()


def test_a_name_that_is_taken(services: LibraryServices, own: Path, adapter: Path) -> None:
    merge(services, adapter, own, "One")
    with pytest.raises(KnownAppError) as caught:
        merge(services, adapter, own, "One")
    assert "exists already" in caught.value.user_text
