"""What a model is called, whatever its notes hold."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from inference.checkpoint.name import model_name


@pytest.mark.parametrize(
    ("files", "name"),
    [
        ({}, "folder-name"),
        ({"config.json": {"display_name": "From config"}}, "From config"),
        ({"config.json": {"display_name": "c"}, "dewpoint.json": {"display_name": " Own "}}, "Own"),
        ({"dewpoint.json": {"display_name": ""}, "config.json": {"display_name": 3}}, "folder-name"),
        ({"dewpoint.json": []}, "folder-name"),
    ],
)
def test_model_name(tmp_path: Path, files: dict[str, object], name: str) -> None:
    folder = tmp_path / "folder-name"
    folder.mkdir()
    for file, content in files.items():
        (folder / file).write_text(json.dumps(content), encoding="utf-8")
    assert model_name(folder) == name


def test_a_damaged_name_file_is_no_reason_to_fail(tmp_path: Path) -> None:
    (tmp_path / "dewpoint.json").write_bytes(b"\xff{")
    assert model_name(tmp_path) == tmp_path.name


def test_a_snapshot_in_the_cache_has_its_repository_s_name(tmp_path: Path) -> None:
    snapshot = tmp_path / "models--google--gemma--x" / "snapshots" / ("a1" * 20)
    snapshot.mkdir(parents=True)
    assert model_name(snapshot) == "google/gemma--x"
    (tmp_path / "link").symlink_to(snapshot)
    assert model_name(tmp_path / "link") == "google/gemma--x"


@pytest.mark.parametrize(
    "path", ["models--google--gemma", "snapshots/abc", "models--x/snapshots/abc", "a--b/snapshots/c"]
)
def test_other_folders_keep_their_name(path: str, tmp_path: Path) -> None:
    folder = tmp_path / path
    folder.mkdir(parents=True)
    assert model_name(folder) == folder.name
