"""What a model consists of: its files, what each must be, and which were found right.

It stands in the database (`app.library.records`). A note of it, `dewpoint-model.json`, lies in the model's folder, so
that another Dewpoint, or this one after its database was lost, can take the model into its list. Nothing is deleted or
replaced because of such a note: anybody may have written it. A model is *complete* only when the hash of every file was
right.
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
from app.transfers.own import OwnFiles, may_be_written
from app.transfers.values import Digest
from inference.graphs.names import MANIFEST as GRAPHS
from trt_engines.held import mark_at

MANIFEST = "dewpoint-model.json"
VERSION = 1
MOST_BYTES = 16_000_000  # of a note
MOST_FILES = 20_000


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
    """The note in `folder`; None if it has none, or one that cannot be read: a link, or larger than any of ours."""
    try:
        found = mark_at(folder / MANIFEST)
        if found is None or not found.is_file or found.size > MOST_BYTES:
            return None
        raw: dict[str, Any] = read_json(folder / MANIFEST)
        if raw["version"] != VERSION:
            return None
        files = tuple(
            ModelFile(
                "/".join(safe_parts(str(one["path"]), windows=False)),
                _size(one["size"]),
                Digest(_kind(one), str(one["digest"])),
                one["verified"] is True,
            )
            for one in raw["files"][:MOST_FILES]
            if one["path"] != GRAPHS  # ours to write, whatever a repository put there when this was downloaded
        )
        title, repo, revision, licence, accepted = (
            str(raw[name]) for name in ("display_name", "repo", "revision", "licence", "accepted")
        )
    except (OSError, ValueError, KeyError, TypeError, OverflowError, TransferError):
        return None
    return ModelManifest(title, repo, revision, licence, accepted, files)


def write_manifest(folder: Path, manifest: ModelManifest, own: OwnFiles) -> None:
    """Write the note in `folder`, whole or not at all; one that is not ours is left as it is.

    Raises:
        OSError: It cannot be written; an earlier one is still whole.
        StoreError: It cannot be noted as ours.
    """
    if not may_be_written(folder / MANIFEST, own):
        return
    raw = dataclasses.asdict(manifest) | {"version": VERSION}
    raw["display_name"] = raw.pop("title")  # where the inference core looks for a name, too
    raw["files"] = [
        {"path": file.path, "size": file.size, "kind": file.digest.kind, "digest": file.digest.value,
         "verified": file.verified}
        for file in manifest.files
    ]  # fmt: skip
    write_whole(folder / MANIFEST, json.dumps(raw, indent=1, ensure_ascii=False), notes=own)


def sizes_are_right(folder: Path, manifest: ModelManifest) -> bool:
    """Whether every file is there with its size: a look that takes no time, and no substitute for hashes."""
    try:
        return all(final_path(folder, file.path).stat().st_size == file.size for file in manifest.files)
    except OSError:
        return False


def _size(value: Any) -> int:
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise ValueError(value)
    return value


def _kind(one: dict[str, Any]) -> Literal["sha256", "git-blob"]:
    if one["kind"] == "sha256":
        return "sha256"
    if one["kind"] == "git-blob":
        return "git-blob"
    raise ValueError(one["kind"])
