"""Which files the add-on has: from the RECORD of each wheel when it is installed, and compared with ever after."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
from collections.abc import Generator
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath

from app.base.files import read_json, write_whole
from app.gpu.recipe import normalised
from trt_engines.tensorrt.addon import MANIFEST

CHUNK = 1 << 22
# What an installer adds to a wheel's files, or compiles from them; the bytecode is not ours to vouch for.
ADDED = ("INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")


class WrongFilesError(Exception):
    """What was fetched is not what its packages say."""


@dataclass(frozen=True, slots=True)
class AddonFile:
    """One file: its path below the folder with slashes, its size, its sha256 in hexadecimal digits."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class AddonManifest:
    """What an installation wrote, last of all.

    Attributes:
        version: Of TensorRT for RTX.
        packages: Name and version of each package.
        installed: When, ISO 8601.
        files: All files.
    """

    version: str
    packages: dict[str, str]
    installed: str
    files: tuple[AddonFile, ...]

    @property
    def size(self) -> int:
        """Bytes on the disk."""
        return sum(file.size for file in self.files)


def recorded(folder: Path, packages: dict[str, str]) -> Generator[float, None, tuple[AddonFile, ...]]:
    """Hash every file that a RECORD names, yielding how far that is; returns all of them.

    Raises:
        WrongFilesError: A file is missing or other than its RECORD says, or packages are others than those of the lock.
    """
    found: dict[str, str] = {}
    expected: list[tuple[str, str, int]] = []
    for info in sorted(folder.glob("*.dist-info")):
        name, _, version = info.name.removesuffix(".dist-info").rpartition("-")
        found[normalised(name)] = version
        expected += record_rows(folder, info / "RECORD")
    if found != packages:
        raise WrongFilesError(f"packages: {found}")
    total, done = sum(size for _, _, size in expected) or 1, 0
    files = []
    for path, digest, size in expected:
        actual = yield from _hashed(folder / path, done, total)
        if digest and actual != digest:
            raise WrongFilesError(path)
        done += size
        files.append(AddonFile(path, (folder / path).stat().st_size, actual))
    return tuple(files)


def wrong_sizes(folder: Path, manifest: AddonManifest) -> tuple[str, ...]:
    """Files that are missing or have another size: what a glance sees."""
    return tuple(file.path for file in manifest.files if _size(folder / file.path) != file.size)


def wrong_files(folder: Path, manifest: AddonManifest) -> Generator[float, None, tuple[str, ...]]:
    """Hash every file, yielding how far that is; returns those that are missing or wrong."""
    wrong, done, total = [], 0, manifest.size or 1
    for file in manifest.files:
        try:
            actual = yield from _hashed(folder / file.path, done, total)
        except WrongFilesError:
            actual = ""
        if actual != file.sha256:
            wrong.append(file.path)
        done += file.size
    return tuple(wrong)


def write_manifest(folder: Path, manifest: AddonManifest) -> None:
    """Write it, whole or not at all.

    Raises:
        OSError: It cannot be written.
    """
    write_whole(folder / MANIFEST, json.dumps(asdict(manifest), indent=1))


def read_manifest(folder: Path) -> AddonManifest | None:
    """The manifest of a folder; None if there is none that can be read."""
    try:
        facts = read_json(folder / MANIFEST)
        files = tuple(AddonFile(file["path"], file["size"], file["sha256"]) for file in facts["files"])
        return AddonManifest(facts["version"], dict(facts["packages"]), facts["installed"], files)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def record_rows(folder: Path, record: Path) -> list[tuple[str, str, int]]:
    """Path, sha256 ("" for the RECORD itself) and size of each file of a package.

    Raises:
        WrongFilesError: It cannot be read, or gives no hash for a file.
    """
    try:
        lines = list(csv.reader(record.read_text("utf-8").splitlines()))
    except OSError as exc:
        raise WrongFilesError(str(record.relative_to(folder))) from exc
    rows = []
    for path, digest, size in (line for line in lines if len(line) == 3):
        parts = PurePosixPath(path.replace("\\", "/"))
        if parts.is_absolute() or ".." in parts.parts or parts.name in ADDED or "__pycache__" in parts.parts:
            continue  # scripts beside the packages are not installed; nothing outside the folder is ours
        if not digest and parts.name != "RECORD":
            raise WrongFilesError(path)
        rows.append((str(parts), _hex(digest), int(size or 0)))
    return rows


def _hex(digest: str) -> str:
    kind, _, value = digest.partition("=")
    if not digest:
        return ""
    if kind != "sha256":
        raise WrongFilesError(digest)
    return base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).hex()


def _hashed(file: Path, done: int, total: int) -> Generator[float, None, str]:
    digest = hashlib.sha256()
    try:
        with file.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
                done += len(chunk)
                yield min(1.0, done / total)
    except OSError as exc:
        raise WrongFilesError(str(file)) from exc
    return digest.hexdigest()


def _size(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return -1
