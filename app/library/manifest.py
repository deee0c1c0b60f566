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
from typing import Literal

from app.base.files import write_whole
from app.transfers.errors import TransferError
from app.transfers.names import final_path, safe_parts
from app.transfers.own import OwnFiles, may_be_written
from app.transfers.values import Digest
from inference.errors import InferenceError, LookStoppedError
from inference.graphs.names import MANIFEST as GRAPHS
from inference.graphs.names import MODEL_NOTE, MODEL_NOTE_VERSION
from inference.look.client import Looks
from inference.look.questions import NotedFile, ReadNote
from trt_engines.held import mark_at


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


def read_manifest(looks: Looks, folder: Path) -> ModelManifest | None:
    """The note in `folder`; None if it has none, or one that cannot be read, or that names what no model has.

    Raises:
        LookStoppedError: The window closes.
    """
    try:
        there = looks.answers(folder) and mark_at(folder / MODEL_NOTE) is not None
        note = looks.ask(ReadNote(folder)) if there else None
        if note is None:
            return None
        files = tuple(
            ModelFile(
                "/".join(safe_parts(one.path, windows=False)), one.size, Digest(_kind(one), one.digest), one.verified
            )
            for one in note.files
            if one.path != GRAPHS  # ours to write, whatever a repository put there when this was downloaded
        )
    except LookStoppedError:
        raise
    except (OSError, InferenceError, TransferError, ValueError):
        return None
    return ModelManifest(note.title, note.repo, note.revision, note.licence, note.accepted, files)


def write_manifest(folder: Path, manifest: ModelManifest, own: OwnFiles) -> None:
    """Write the note in `folder`, whole or not at all; one that is not ours is left as it is.

    Raises:
        OSError: It cannot be written; an earlier one is still whole.
        StoreError: It cannot be noted as ours.
    """
    if not may_be_written(folder / MODEL_NOTE, own):
        return
    raw = dataclasses.asdict(manifest) | {"version": MODEL_NOTE_VERSION}
    raw["display_name"] = raw.pop("title")  # where the inference core looks for a name, too
    raw["files"] = [
        {"path": file.path, "size": file.size, "kind": file.digest.kind, "digest": file.digest.value,
         "verified": file.verified}
        for file in manifest.files
    ]  # fmt: skip
    write_whole(folder / MODEL_NOTE, json.dumps(raw, indent=1, ensure_ascii=False), notes=own)


def sizes_are_right(folder: Path, manifest: ModelManifest) -> bool:
    """Whether every file is there with its size: a look that takes no time, and no substitute for hashes."""
    try:
        return all(final_path(folder, file.path).stat().st_size == file.size for file in manifest.files)
    except OSError:
        return False


def _kind(one: NotedFile) -> Literal["sha256", "git-blob"]:
    if one.kind == "sha256":
        return "sha256"
    if one.kind == "git-blob":
        return "git-blob"
    raise ValueError(one.kind)
