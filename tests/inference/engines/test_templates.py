"""Graph templates that are made on this machine: once, and again where they are of an older version or damaged."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from inference.config import model_config_from_folder
from inference.engines import templates
from inference.engines.making import LOCK
from inference.engines.templates import templates_for
from inference.errors import GraphError
from inference.graphs.shipped import configuration_fingerprint, shipped_folder
from inference.model_config import ModelConfig
from tests.helpers.checkpoints import STARTER
from trt_engines.graphs.compose import HEAD
from trt_engines.graphs.names import MANIFEST

CONFIG = model_config_from_folder(STARTER)
FILES = sorted(path.name for path in shipped_folder(CONFIG).iterdir())


@pytest.fixture(autouse=True)
def made(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Where templates were exported to; no torch is needed, and none are shipped."""
    folders: list[Path] = []

    def export(config: ModelConfig, folder: Path) -> None:
        folders.append(folder)
        shutil.copytree(shipped_folder(config), folder, dirs_exist_ok=True)

    monkeypatch.setitem(sys.modules, "inference.model.export_templates", SimpleNamespace(export_templates=export))
    monkeypatch.setattr(templates, "can_export", lambda: True)
    monkeypatch.setattr(templates, "shipped_folder", lambda config: Path("/nowhere"))
    return folders


def older(folder: Path) -> None:
    raw = json.loads((folder / MANIFEST).read_text("utf-8"))
    (folder / MANIFEST).write_text(json.dumps(raw | {"version": raw["version"] - 1}), "utf-8")
    (folder / "layer7-of_old.onnx").write_bytes(b"a layer that the new ones do not have")


def half_written(folder: Path) -> None:
    (folder / MANIFEST).rename(folder / f".{MANIFEST}.0123abcd.tmp")


def no_manifest(folder: Path) -> None:
    (folder / MANIFEST).write_text("{", "utf-8")


def cut_short(folder: Path) -> None:
    (folder / HEAD).write_bytes((folder / HEAD).read_bytes()[:-1])


def gone(folder: Path) -> None:
    (folder / HEAD).unlink()


def linked(folder: Path) -> None:
    (folder / HEAD).rename(folder.parent / "mine.onnx")
    (folder / HEAD).symlink_to(folder.parent / "mine.onnx")
    no_manifest(folder)


def empty(folder: Path) -> None:
    for file in folder.iterdir():
        file.unlink()


def test_they_are_made_once(tmp_path: Path, made: list[Path]) -> None:
    first, second = (templates_for(CONFIG, tmp_path) for _ in range(2))
    assert first.digest == second.digest
    assert len(made) == 1
    assert {path.name for path in tmp_path.iterdir()} == {configuration_fingerprint(CONFIG), LOCK}


@pytest.mark.parametrize("damage", [older, half_written, no_manifest, cut_short, gone, linked, empty])
def test_what_cannot_be_used_is_made_again_and_what_is_not_ours_stays(
    tmp_path: Path, made: list[Path], damage: object
) -> None:
    cache = tmp_path / "engines"
    folder = templates_for(CONFIG, cache).folder
    assert callable(damage)
    damage(folder)
    (folder / "notes.txt").write_text("mine", "utf-8")
    mine = tmp_path / "engines" / "mine.onnx"
    before = mine.read_bytes() if mine.exists() else None
    found = templates_for(CONFIG, cache)
    found.check()
    assert len(made) == 2
    assert sorted(path.name for path in folder.iterdir()) == sorted([*FILES, "notes.txt"])
    assert (mine.read_bytes() if mine.exists() else None) == before
    assert not list(cache.glob("making-*"))
    templates_for(CONFIG, cache)
    assert len(made) == 2


@pytest.mark.parametrize("kind", ["file", "link"])
def test_what_is_no_folder_of_ours_is_left_alone(tmp_path: Path, kind: str) -> None:
    place, other = tmp_path / configuration_fingerprint(CONFIG), tmp_path / "other"
    other.mkdir()
    if kind == "file":
        place.write_text("mine", "utf-8")
    else:
        place.symlink_to(other)
    with pytest.raises(GraphError, match="cannot be written") as refused:
        templates_for(CONFIG, tmp_path)
    assert refused.value.hint == "Move it away."
    assert place.is_symlink() or place.read_text("utf-8") == "mine"
    assert not list(other.iterdir())
    assert not list(tmp_path.glob("making-*"))


def test_a_kill_while_they_are_brought_leaves_some_that_are_made_again(
    tmp_path: Path, made: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    older(templates_for(CONFIG, tmp_path).folder)
    moved: list[object] = []

    def full(source: Path, target: Path) -> None:
        moved.append(target)
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("os.replace", full)
        with pytest.raises(GraphError, match="No space left"):
            templates_for(CONFIG, tmp_path)
    assert moved
    templates_for(CONFIG, tmp_path).check()
    assert len(made) == 3
