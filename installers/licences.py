"""The licence texts of everything that an installed program consists of, in one folder with one index.

Texts are taken from the packages themselves. A package that carries none must stand in `KNOWN`, with the texts of
`licence_texts/` that apply to it; any other package without a text stops the build.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Collection
from dataclasses import dataclass
from email.message import Message
from email.parser import Parser
from pathlib import Path

INDEX = "LICENCES.txt"
ROOT = Path(__file__).resolve().parent.parent
TEXTS = Path(__file__).resolve().parent / "licence_texts"
TEXT_FILE = re.compile(r"^(licen[cs]e|copying|copyright|notice|authors|third.?party.?notices?)", re.IGNORECASE)
# Packages whose wheels hold no licence text: their licence, and the files of licence_texts/ that hold it.
KNOWN = {
    "flatbuffers": ("Apache-2.0", ["Apache-2.0.txt"]),
    "latex2mathml": ("MIT", ["latex2mathml.txt"]),
    "nvidia-ml-py": ("BSD-3-Clause", ["nvidia-ml-py.txt"]),
    "pyside6-essentials": ("LGPL-3.0-only", ["Qt.txt", "LGPL-3.0.txt", "GPL-3.0.txt"]),
    "shiboken6": ("LGPL-3.0-only", ["Qt.txt", "LGPL-3.0.txt", "GPL-3.0.txt"]),
    "tokenizers": ("Apache-2.0", ["Apache-2.0.txt"]),
}
# Parts inside of packages whose own text does not speak of them: fonts, and a library.
PARTS = {"sqlcipher3": "SQLCipher.txt", "ziafont": "DejaVu.txt", "ziamath": "STIX-OFL-1.1.txt"}
HEADER = """Dewpoint is licensed under Apache-2.0; see dewpoint/LICENSE.
It comes with the following parts, each in a folder of its own here.

"""


class LicenceError(Exception):
    """A package has no licence text; the message names it."""


@dataclass(frozen=True, slots=True)
class Package:
    """An installed distribution and the texts that come with it."""

    name: str
    version: str
    licence: str
    texts: tuple[Path, ...]


def collect_licences(site_packages: Path, target: Path, without: Collection[str] = ()) -> None:
    """Copy the licence texts of all distributions in a folder, of Qt, of Python and of Dewpoint, and write the index.

    Args:
        site_packages: The folder of the distributions.
        target: Where the texts go.
        without: Names of distributions that lie there but are not part of the program.

    Raises:
        LicenceError: A distribution has no text and does not stand in `KNOWN`.
    """
    found = [_package(info) for info in sorted(site_packages.glob("*.dist-info"))]
    packages = [package for package in found if package.name not in without]
    if bare := [f"{package.name} {package.version}" for package in packages if not package.texts]:
        raise LicenceError(
            f"There is no licence text for: {', '.join(bare)}. Add them to KNOWN in installers/licences.py."
        )
    rows = [("Python", "", "PSF-2.0")]
    _copy([TEXTS / "Python.txt"], target / "python", TEXTS)
    _copy([ROOT / "LICENSE"], target / "dewpoint", ROOT)
    for package in packages:
        base = TEXTS if package.texts[0].parent == TEXTS else site_packages
        _copy(list(package.texts), target / package.name, base)
        if package.name in PARTS:
            _copy([TEXTS / PARTS[package.name]], target / package.name, TEXTS)
        rows.append((package.name, package.version, package.licence))
    table = "".join(f"{f'{name} {version}'.strip():<40} {licence}\n" for name, version, licence in sorted(rows))
    (target / INDEX).write_text(HEADER + table, encoding="utf-8", newline="\n")


def _package(info: Path) -> Package:
    metadata = Parser().parsestr((info / "METADATA").read_text(encoding="utf-8"), headersonly=True)
    name = re.sub(r"[-_.]+", "-", metadata["Name"]).lower()
    texts = _own_texts(info, metadata)
    licence = _licence_name(metadata)
    if name in KNOWN and not texts:
        licence, files = KNOWN[name]
        texts = [TEXTS / file for file in files]
    return Package(name, metadata["Version"], licence, tuple(texts))


def _own_texts(info: Path, metadata: Message) -> list[Path]:
    """Texts that the metadata names, that lie beside it, or that lie in the package, as its RECORD knows them."""
    named = [info / folder / file for file in metadata.get_all("License-File") or [] for folder in (".", "licenses")]
    beside = [path for path in info.rglob("*") if TEXT_FILE.match(path.name) or path.parent.name == "licenses"]
    record = info / "RECORD"
    lines = record.read_text(encoding="utf-8").splitlines() if record.is_file() else []
    recorded = [info.parent / line.split(",")[0].strip('"') for line in lines]
    inside = [path for path in recorded if TEXT_FILE.match(path.name) and path.suffix in ("", ".txt", ".md", ".rst")]
    found = {path.resolve() for path in [*named, *beside, *inside] if path.is_file() and path.stat().st_size}
    return sorted(path for path in found if path.is_relative_to(info.parent.resolve()))


def _licence_name(metadata: Message) -> str:
    """The licence in a few words: the SPDX expression, else a classifier, else what the author wrote."""
    classifiers = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License ::")]
    short = classifiers[0].rpartition(":: ")[2] if classifiers else ""
    free = (metadata["License"] or "").strip()
    first_line = free.splitlines()[0][:60] if free else ""
    return metadata["License-Expression"] or short or first_line or "see its text"


def _copy(files: list[Path], target: Path, base: Path) -> None:
    """Copy texts; the name keeps the folders below `base` that tell equal names apart."""
    target.mkdir(parents=True, exist_ok=True)
    names = [file.name for file in files]
    for file in files:
        if names.count(file.name) == 1:
            name = file.name
        else:
            inner = file.relative_to(base.resolve()).parts[1:]
            name = "-".join(part for part in inner if part != "licenses")
        shutil.copyfile(file, target / name)
