"""What a release says of itself: its version, what is new, and its files with their hashes.

The reader trusts nothing: what does not fit is refused as a whole, and no address is taken from it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from app.transfers.values import Digest
from app.updates import texts
from app.updates.errors import UpdateError
from app.updates.source import KINDS, PackageKind

FORMAT = 1
MOST_CHANGES, LONGEST_CHANGE = 30, 500
LARGEST_FILE = 2_000_000_000
_VERSION = re.compile(r"\d{1,6}(\.\d{1,6}){2}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,119}")


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """One package of a release.

    Attributes:
        kind: For which kind of installation.
        name: Of the file; no folder in it.
        size: Bytes.
        digest: What its content must hash to.
    """

    kind: PackageKind
    name: str
    size: int
    digest: Digest


@dataclass(frozen=True, slots=True)
class Release:
    """One version of the program.

    Attributes:
        version: Three numbers.
        date: Year-month-day.
        changes: What is new, a sentence or a few each; plain text.
        files: Its packages, one of a kind.
    """

    version: str
    date: str
    changes: tuple[str, ...]
    files: tuple[ReleaseFile, ...]

    def is_newer_than(self, version: str) -> bool:
        """Whether it is; versions compare number by number."""
        return numbers(self.version) > numbers(version)

    def file_for(self, kind: PackageKind | None) -> ReleaseFile | None:
        """Its package of a kind."""
        return next((file for file in self.files if file.kind == kind), None)


def is_version(text: str) -> bool:
    """Whether it is the version of a release."""
    return _VERSION.fullmatch(text) is not None


def numbers(version: str) -> tuple[int, ...]:
    """The three numbers of a release's version, in the order in which versions follow each other."""
    return tuple(int(part) for part in version.split("."))


def read_release(found: object) -> Release:
    """Read what a release says of itself.

    Args:
        found: The content of updates.json, as the look process parsed it.

    Raises:
        UpdateError: It is no such file, or a newer format that needs a newer program.
    """
    try:
        if not isinstance(found, dict):
            raise TypeError("no object")
        if type(found.get("format")) is int and found["format"] > FORMAT:
            raise UpdateError(texts.NEWER_FORMAT, texts.NEWER_FORMAT_HINT)
        return _release(found)
    except (ValueError, TypeError, KeyError, AttributeError) as exc:
        raise UpdateError(texts.UNREADABLE, texts.LATER_HINT) from exc


def _release(found: dict[str, Any]) -> Release:
    if (
        type(found["format"]) is not int
        or not isinstance(found["changes"], list)
        or not isinstance(found["files"], list)
    ):
        raise ValueError("types")
    if found["format"] != FORMAT:
        raise ValueError("format")
    changes = tuple(_text(change, LONGEST_CHANGE) for change in found["changes"])
    files = tuple(_file(file) for file in found["files"] if file["kind"] in KINDS)  # later versions may have others
    if len(changes) > MOST_CHANGES or len({file.kind for file in files}) < len(files):
        raise ValueError("changes or files")
    return Release(_matching(_VERSION, found["version"]), _matching(_DATE, found["date"]), changes, files)


def _file(found: dict[str, Any]) -> ReleaseFile:
    size = found["size"]
    if type(size) is not int or not 0 < size <= LARGEST_FILE:
        raise ValueError("size")
    return ReleaseFile(
        found["kind"], _matching(_NAME, found["name"]), size, Digest("sha256", _text(found["sha256"], 64))
    )


def _matching(pattern: re.Pattern[str], text: object) -> str:
    if not isinstance(text, str) or not pattern.fullmatch(text):
        raise ValueError(pattern.pattern)
    return text


def _text(text: object, longest: int) -> str:
    if not isinstance(text, str) or not text.strip() or len(text) > longest:
        raise ValueError("text")
    return " ".join(text.split())
