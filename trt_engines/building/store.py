"""Engine sets on disk: a folder for each, plans in it, and a manifest that is written last and read first.

Nothing is trusted by its name: a plan counts only if the manifest lists it with its size and sha256.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass, field
from mmap import mmap
from pathlib import Path
from typing import Any

from trt_engines.building.identity import Identity
from trt_engines.building.names import LOCK, MANIFEST, WRITTEN
from trt_engines.building.profiles import Limits
from trt_engines.errors import EngineError
from trt_engines.files import read_json, write_whole, written_names
from trt_engines.graphs.names import ASKED
from trt_engines.held import HeldFolder

_BLOCK = 1 << 22
_OWN = re.compile(rf"(embed|head|{'|'.join(ASKED)}|stack\d+)\.(plan|plan\.part|log)|{LOCK}|{written_names(*WRITTEN)}")


class EngineStoreError(EngineError):
    """A folder of engines cannot be read or written."""


class DamagedEngineError(EngineError):
    """A plan is not what the manifest says."""


@dataclass(frozen=True, slots=True)
class Part:
    """One plan.

    Attributes:
        file: Its name in the set's folder.
        size: Bytes.
        sha256: Of the file.
        weight_bytes: Of its weights on the card.
        scratch_bytes: Room for activations at its largest shapes.
        seconds: That the build took.
        context_bytes: What its contexts keep on the card, beside the activations.
    """

    file: str
    size: int
    sha256: str
    weight_bytes: int
    scratch_bytes: int
    seconds: float
    context_bytes: int = 0


@dataclass(frozen=True, slots=True)
class EngineManifest:
    """What lies in a set's folder.

    Attributes:
        identity: What it was built from and for.
        model: Name of the model, to show.
        model_folder: Where the checkpoint lay.
        names: Names of all parts that the complete set has, in the order of building.
        parts: Those that are there.
        built: When the last part was built, ISO 8601.
    """

    identity: Identity
    model: str
    model_folder: str
    names: tuple[str, ...]
    parts: dict[str, Part] = field(default_factory=dict)
    built: str = ""

    @property
    def complete(self) -> bool:
        """Whether every part is there."""
        return set(self.names) == set(self.parts)

    @property
    def size(self) -> int:
        """Bytes of all plans."""
        return sum(part.size for part in self.parts.values())

    @property
    def context_bytes(self) -> int:
        """What all contexts keep on the card."""
        return sum(part.context_bytes for part in self.parts.values())


@dataclass(frozen=True, slots=True)
class EngineSet:
    """One folder.

    Attributes:
        folder: Where it lies.
        manifest: What the manifest says, None if it is missing or damaged.
    """

    folder: Path
    manifest: EngineManifest | None


class EngineStore:
    """All engine sets of this machine, in one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, identity: Identity) -> Path:
        """Where the set of this identity lies or would lie."""
        return self.root / identity.key

    def sets(self) -> tuple[EngineSet, ...]:
        """Every set, also damaged ones."""
        if not self.root.is_dir():
            return ()
        folders = sorted(path for path in self.root.iterdir() if _own_folder(path) and path.name[:7] != "making-")
        return tuple(EngineSet(folder, read_manifest(folder)) for folder in folders if (folder / MANIFEST).exists())

    def find(self, identity: Identity) -> EngineSet:
        """The set of this identity, perhaps without a manifest."""
        return EngineSet(self.folder(identity), read_manifest(self.folder(identity)))

    def remove(self, folder: Path) -> int:
        """Delete a set; returns the bytes that came free. Only files that engines consist of go; no link is followed.

        Raises:
            EngineStoreError: A file cannot be deleted.
        """
        if folder.parent != self.root or not _own_folder(folder) or not (folder / MANIFEST).exists():
            raise EngineStoreError(f"{folder} holds no engines of this program.")
        freed = 0
        try:
            files = own_files(folder)
            freed = sum(file.stat().st_size for file in files)
            with HeldFolder(folder) as held:
                for file in sorted(files, key=lambda file: file.name == MANIFEST):  # the manifest last
                    held.unlink((file.name,))
                empty = not held.names()
            if empty:
                folder.rmdir()
        except OSError as exc:
            hint = "Close every program that uses these engines, and try again."
            raise EngineStoreError(f"{exc.filename} cannot be deleted: {exc.strerror}.", hint) from exc
        return freed


def _own_folder(folder: Path) -> bool:
    """A set is a folder of ours; a link to one leads to somebody else's files."""
    return folder.is_dir() and not folder.is_symlink()


def own_files(folder: Path) -> list[Path]:
    """The files in a set's folder that this program writes, by the names that a build gives; a link is none."""
    found = (file for file in folder.iterdir() if _OWN.fullmatch(file.name))
    return sorted(file for file in found if file.is_file() and not file.is_symlink())


def other_names(folder: Path) -> tuple[str, ...]:
    """What else lies in a set's folder, links too: it stays when the set is removed. Nothing if it cannot be read."""
    try:
        mine = {file.name for file in own_files(folder)}
        return tuple(sorted(path.name for path in folder.iterdir() if path.name not in mine))
    except OSError:
        return ()


def read_manifest(folder: Path) -> EngineManifest | None:
    """The manifest in `folder`, None if there is none that can be read."""
    try:
        raw: dict[str, Any] = read_json(folder / MANIFEST)
        identity = raw.pop("identity")
        limits = Limits(**identity.pop("limits"))
        cuts = tuple((int(first), int(last)) for first, last in identity.pop("cuts"))
        parts = {str(name): Part(**part) for name, part in raw.pop("parts").items()}
        names = tuple(str(name) for name in raw.pop("names"))
        return EngineManifest(Identity(limits=limits, cuts=cuts, **identity), names=names, parts=parts, **raw)
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def write_json(file: Path, value: Any) -> None:
    """Write a dataclass or a plain value as JSON, whole or not at all.

    Raises:
        EngineStoreError: The folder cannot be written, or the disk is full.
    """
    text = json.dumps(value if isinstance(value, dict) else asdict(value), indent=1) + "\n"
    try:
        write_whole(file, text)
    except OSError as exc:
        raise EngineStoreError(
            f"{file} cannot be written: {exc.strerror}.", "Make room on the disk and try again."
        ) from exc


def checked_plan(folder: Path, part: Part) -> mmap:
    """The bytes of a plan, after their size and sha256 were compared with the manifest.

    Returns:
        Memory of its own, which begins at a page, so that it can be page-locked; it goes back to the system with it.

    Raises:
        DamagedEngineError: The file is missing, cut short or changed.
    """
    file, digest = folder / part.file, hashlib.sha256()
    try:
        with file.open("rb") as stream:
            plan = mmap(-1, max(1, os.fstat(stream.fileno()).st_size))
            done = 0
            with memoryview(plan) as view:
                while count := stream.readinto(view[done : done + _BLOCK]):
                    digest.update(view[done : done + count])
                    done += count
    except OSError as exc:
        raise DamagedEngineError(f"{file} cannot be read: {exc.strerror}.", "Build the engines again.") from exc
    if (done, digest.hexdigest()) != (part.size, part.sha256):
        what = "incomplete" if done < part.size else "damaged: its checksum is wrong"
        raise DamagedEngineError(f"The engine {file.name} is {what}.", "Build it again; whole parts are kept.")
    return plan


def same_size(folder: Path, part: Part) -> bool:
    """Whether the plan's file is there with the right size; a quick look that reads no plan."""
    try:
        return (folder / part.file).stat().st_size == part.size
    except OSError:
        return False
