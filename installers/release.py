"""What a release needs beside its packages: updates.json, which installed programs read, and SHA256SUMS.

`python3.11 installers/release.py DIR [--date YYYY-MM-DD]` (or a newer Python) writes both for the packages in DIR;
`--check` instead of DIR only looks whether pyproject.toml's version can be released, before anything is built.
"""

from __future__ import annotations

import argparse
import datetime
import hashlib
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from installers.changes import ChangesError, changes_of  # noqa: E402
from installers.payload import version  # noqa: E402

FORMAT = 1
CHANGELOG = ROOT / "CHANGELOG.md"
UPDATES = "updates.json"
SUMS = "SHA256SUMS"
PART = ".part"
KINDS = {"windows": "-setup.exe", "deb": ".deb", "rpm": ".rpm", "appimage": ".AppImage"}
# The rules of the programs that read updates.json (app/updates/release.py).
VERSION = re.compile(r"[0-9]{1,6}(\.[0-9]{1,6}){2}")
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,119}")
LARGEST = 2_000_000_000


class ReleaseError(Exception):
    """These files are no release; the text says why."""


def packages(folder: Path, number: str) -> dict[str, Path]:
    """The packages in a folder by their kind, in the order of `KINDS`.

    Raises:
        ReleaseError: There is none, or a file that does not belong to a release of this version.
    """
    if not folder.is_dir():
        raise ReleaseError(f"{folder} is no folder.")
    ours = {name + suffix for name in (UPDATES, SUMS) for suffix in ("", PART)}
    found: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if path.name in ours:
            continue
        kind = next((kind for kind, ending in KINDS.items() if path.name.endswith(ending)), None)
        if kind is None or not path.is_file():
            raise ReleaseError(f"{path.name} does not belong to a release: take it out of {folder}.")
        if kind in found:
            raise ReleaseError(f"{found[kind].name} and {path.name} are of the same kind: a release has one of each.")
        check_name(path.name, number)
        found[kind] = path
    if not found:
        raise ReleaseError(f"{folder} has no package: *{', *'.join(KINDS.values())}.")
    return {kind: found[kind] for kind in KINDS if kind in found}


def check_name(name: str, number: str) -> None:
    """Refuse a package whose name programs would not take, or that is of another version.

    Raises:
        ReleaseError: It is so.
    """
    if not NAME.fullmatch(name):
        raise ReleaseError(
            f"{name!r} cannot be published: a name is a letter or digit and at most 119 more of A-Z a-z 0-9 . _ + -."
        )
    if not re.search(rf"(?<![0-9.]){re.escape(number)}(?!\.?[0-9])", name):
        raise ReleaseError(f"{name} is not of version {number}, which is pyproject.toml's.")


def entry(kind: str, path: Path) -> dict[str, Any]:
    """What updates.json says of a package.

    Raises:
        ReleaseError: It is empty, or larger than programs take.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        size = file.tell()
    if not size:
        raise ReleaseError(f"{path.name} is empty.")
    if size > LARGEST:
        raise ReleaseError(f"{path.name} has {size} bytes; programs take {LARGEST} at most.")
    return {"kind": kind, "name": path.name, "size": size, "sha256": digest}


def releasable() -> tuple[str, list[str], str | None]:
    """Version, changes and, if the changelog has it, date of what is to be released.

    Raises:
        ReleaseError, ChangesError: This version cannot be released.
    """
    number = version()
    if not VERSION.fullmatch(number):
        raise ReleaseError(
            f"pyproject.toml's version {number} is not of the form 1.2.3, so no program could compare it."
        )
    return number, *changes_of(CHANGELOG.read_text("utf-8"), number)


def write_release(folder: Path, date: str | None = None) -> dict[str, Any]:
    """Write updates.json and SHA256SUMS for the packages in a folder; returns what updates.json says.

    Args:
        folder: Packages of one version, and nothing else.
        date: "2026-12-01"; left out: what the changelog's heading says, else today.

    Raises:
        ReleaseError, ChangesError: Something is missing or does not belong there; nothing was written.
    """
    number, changes, dated = releasable()
    files = [entry(kind, path) for kind, path in packages(folder, number).items()]
    date = date or dated or datetime.datetime.now(datetime.UTC).date().isoformat()
    updates = {"format": FORMAT, "version": number, "date": date, "changes": changes, "files": files}
    data = (json.dumps(updates, indent=1, ensure_ascii=False) + "\n").encode()
    sums = {file["name"]: file["sha256"] for file in files} | {UPDATES: hashlib.sha256(data).hexdigest()}
    replace(folder / UPDATES, data)
    replace(folder / SUMS, "".join(f"{digest}  {name}\n" for name, digest in sorted(sums.items())).encode())
    return updates


def replace(path: Path, data: bytes) -> None:
    """Write a file that is there as a whole or not at all."""
    part = path.with_name(path.name + PART)
    part.write_bytes(data)
    part.replace(path)


def day(text: str) -> str:
    """A date of the command line.

    Raises:
        ArgumentTypeError: It is none.
    """
    try:
        return datetime.date.fromisoformat(text).isoformat()
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no date like 2026-12-01.") from None


def main(arguments: list[str] | None = None) -> int:
    """Write the two files and say what stands in them; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("folder", type=Path, nargs="?", metavar="DIR", help="the packages of one version")
    what.add_argument("--check", action="store_true", help="only look whether this version can be released")
    parser.add_argument("--date", type=day, help="of the release; left out: the changelog's, else today's")
    options = parser.parse_args(arguments)
    try:
        if options.check:
            number, changes, _ = releasable()
            print(f"{number} can be released; CHANGELOG.md lists {len(changes)} changes.")
            return 0
        updates = write_release(options.folder, options.date)
    except (ReleaseError, ChangesError) as problem:
        print(problem, file=sys.stderr)
        return 1
    for file in updates["files"]:
        print(f"{file['name']}: {file['size'] / 1e6:.1f} MB, sha256 {file['sha256']}")
    print(f"{updates['version']} of {updates['date']}, {len(updates['changes'])} changes")
    for name in (UPDATES, SUMS):
        print(f"wrote {options.folder / name}, {(options.folder / name).stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
