"""`dewpoint-model.json` in a model's folder: which files we wrote there, what each must be, and which were found right.

A model is *complete* only when the hash of every file was right. Only what the manifest lists, and what Dewpoint itself
puts beside it (parts of downloads, graphs), is ever deleted. It is written whole or not at all.
"""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.base.files import read_json, write_whole
from app.transfers.errors import TransferError
from app.transfers.names import final_path, safe_parts
from app.transfers.values import Digest
from inference.graphs.names import MANIFEST as GRAPHS

MANIFEST = "dewpoint-model.json"
VERSION = 1


@dataclass(frozen=True, slots=True)
class ModelFile:
    """One file of a model.

    Attributes:
        path: Relative, with "/" between folders.
        size: Bytes.
        digest: What its content must have.
        verified: Whether its hash was right when it was looked at last.
    """

    path: str
    size: int
    digest: Digest
    verified: bool = False


@dataclass(frozen=True, slots=True)
class ModelManifest:
    """What a model's folder holds, or will hold.

    Attributes:
        title: What the window calls it.
        repo: "owner/name" on the Hub, "" if it did not come from there.
        revision: Commit of the repository that every file is taken from.
        licence: Name of its licence.
        accepted: When the user accepted the licence, ISO 8601.
        files: All files.
    """

    title: str
    repo: str
    revision: str
    licence: str
    accepted: str
    files: tuple[ModelFile, ...]

    @property
    def complete(self) -> bool:
        """Whether every file is there and right."""
        return bool(self.files) and all(file.verified for file in self.files)

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def verified(self) -> frozenset[str]:
        """Paths of the files that were found right."""
        return frozenset(file.path for file in self.files if file.verified)

    def marked(self, path: str, verified: bool) -> ModelManifest:
        """The same with another verdict on one file."""
        files = tuple(
            dataclasses.replace(file, verified=verified) if file.path == path else file for file in self.files
        )
        return dataclasses.replace(self, files=files)


def read_manifest(folder: Path) -> ModelManifest | None:
    """The manifest of `folder`; None if it has none, or one that cannot be read."""
    try:
        raw: dict[str, Any] = read_json(folder / MANIFEST)
        if raw["version"] != VERSION:
            return None
        files = tuple(
            ModelFile(
                "/".join(safe_parts(str(one["path"]), windows=False)),
                int(one["size"]),
                Digest(_kind(one), str(one["digest"])),
                one["verified"] is True,
            )
            for one in raw["files"]
            if one["path"] != GRAPHS  # ours to write, whatever a repository put there when this was downloaded
        )
        title, repo, revision, licence, accepted = (
            str(raw[name]) for name in ("display_name", "repo", "revision", "licence", "accepted")
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, TransferError):
        return None
    return ModelManifest(title, repo, revision, licence, accepted, files)


def write_manifest(folder: Path, manifest: ModelManifest) -> None:
    """Write the manifest of `folder`, which is made if it is missing.

    Raises:
        OSError: It cannot be written; an earlier one is still whole.
    """
    folder.mkdir(mode=0o755, parents=True, exist_ok=True)
    raw = dataclasses.asdict(manifest) | {"version": VERSION}
    raw["display_name"] = raw.pop("title")  # where the inference core looks for a name, too
    raw["files"] = [
        {"path": file.path, "size": file.size, "kind": file.digest.kind, "digest": file.digest.value,
         "verified": file.verified}
        for file in manifest.files
    ]  # fmt: skip
    write_whole(folder / MANIFEST, json.dumps(raw, indent=1, ensure_ascii=False))


def sizes_are_right(folder: Path, manifest: ModelManifest) -> bool:
    """Whether every file is there with its size: a look that takes no time, and no substitute for hashes."""
    try:
        return all(final_path(folder, file.path).stat().st_size == file.size for file in manifest.files)
    except OSError:
        return False


def _kind(one: dict[str, Any]) -> Literal["sha256", "git-blob"]:
    if one["kind"] == "sha256":
        return "sha256"
    if one["kind"] == "git-blob":
        return "git-blob"
    raise ValueError(one["kind"])
