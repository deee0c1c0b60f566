"""manifest.json: what it lists, and what its check finds."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import pytest

from installers.manifest import verify_manifest, write_manifest


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small program with a folder, an empty file and a name that is not ASCII."""
    folder = tmp_path / "program"
    (folder / "inner").mkdir(parents=True)
    (folder / "b.txt").write_bytes(b"bee")
    (folder / "inner" / "größe.bin").write_bytes(bytes(1000))
    (folder / "empty").touch()
    return folder


def test_every_file_is_listed_with_size_and_hash(tree: Path) -> None:
    manifest = write_manifest(tree)
    assert manifest["files"]["b.txt"] == {"size": 3, "sha256": hashlib.sha256(b"bee").hexdigest()}
    assert list(manifest["files"]) == ["b.txt", "empty", "inner/größe.bin"]
    assert json.loads((tree / "manifest.json").read_text("utf-8")) == manifest
    assert verify_manifest(tree) == []


def test_writing_again_changes_nothing(tree: Path) -> None:
    write_manifest(tree)
    before = (tree / "manifest.json").read_bytes()
    write_manifest(tree)
    assert (tree / "manifest.json").read_bytes() == before


def test_every_difference_is_named(tree: Path) -> None:
    (tree / "gone").write_bytes(b"x")
    write_manifest(tree)
    (tree / "gone").unlink()
    (tree / "b.txt").write_bytes(b"bed")
    (tree / "empty").write_bytes(b"longer")
    (tree / "stranger").touch()
    assert verify_manifest(tree) == [
        "missing: gone",
        "not in the manifest: stranger",
        "sha256 differs: b.txt",
        "size differs: empty",
    ]


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_links_are_listed_with_their_target(tree: Path) -> None:
    (tree / "link").symlink_to("inner")
    assert write_manifest(tree)["files"]["link"] == {"link": "inner"}
    (tree / "link").unlink()
    (tree / "link").symlink_to("b.txt")
    assert verify_manifest(tree) == ["link differs: link"]


@pytest.mark.parametrize("text", [None, "{", "[]", "{}"])
def test_a_manifest_that_cannot_be_read_is_a_problem(tree: Path, text: str | None) -> None:
    if text is not None:
        (tree / "manifest.json").write_text(text, "utf-8")
    problems = verify_manifest(tree)
    assert len(problems) == 1
    assert "manifest.json cannot be read" in problems[0]
