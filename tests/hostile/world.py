"""What lies around the window of the hostile cases: folders, forbidden files, and a base model."""

from __future__ import annotations

import hashlib
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from tests.helpers.checkpoints import random_tensors, tiny_config, write_model

STARTER = Path(__file__).resolve().parents[2] / "resources" / "starter"
SECRET = b"A document of the user's that no model has to do with.\n"


@dataclass(slots=True)
class World:
    """Folders of one run.

    Attributes:
        root: Of everything.
        outside: Files that nobody may open: their names stand in what strangers supply.
        linked: Files that links of strangers lead to; they may be read and never changed.
        starts: Data folders that windows of some cases are opened on; the program's own to change.
        server: The local hub of hostile repositories, set by who starts it.
    """

    root: Path
    outside: Path = field(init=False)
    linked: Path = field(init=False)
    cases: Path = field(init=False)
    base: Path = field(init=False)
    starts: Path = field(init=False)
    server: Any = None

    def __post_init__(self) -> None:
        self.outside, self.linked = self.root / "outside", self.root / "linked"
        self.cases, self.base = self.root / "cases", self.root / "cases" / "base-model"
        self.starts = self.root / "starts"
        self.starts.mkdir(parents=True)
        for folder in (self.outside, self.linked):
            folder.mkdir(parents=True)
            (folder / "secret.txt").write_bytes(SECRET)
            (folder / "keep").mkdir()
            (folder / "keep" / "letter.txt").write_bytes(SECRET)
        shutil.copyfile(picture(), self.outside / "picture.png")
        if hasattr(os, "mkfifo"):
            os.mkfifo(self.outside / "pipe")
        self.cases.mkdir()
        write_model(self.base, random_tensors(tiny_config(), dtype=np.float32), tiny_config())

    def model(self, folder: Path, whole: bool = False) -> Path:
        """A copy of the base model, or of the starter model, which answers until something is done to it."""
        shutil.copytree(STARTER if whole else self.base, folder, copy_function=_linked if whole else shutil.copy2)
        return folder


def _linked(source: str, target: str) -> None:
    """Large files are the same ones: no case changes them in place."""
    if Path(source).stat().st_size < 1_000_000:
        shutil.copyfile(source, target)
        return
    try:
        os.link(source, target)
    except OSError:  # another drive
        os.symlink(source, target)


def picture() -> Path:
    """Any picture."""
    return Path(__file__).resolve().parents[2] / "resources" / "screenshots" / "dark.png"


def print_of(folder: Path) -> dict[str, str]:
    """What lies in a folder: names, kinds and contents; links and pipes are not followed or opened."""
    found = {}
    for place, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(place) / name
            what = path.lstat()
            if path.is_symlink():
                found[str(path)] = f"link to {os.readlink(path)}"
            elif path.is_file() and what.st_size < 10_000_000:
                found[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest() if os.access(path, os.R_OK) else "?"
            else:
                found[str(path)] = f"{what.st_mode:o} {what.st_size if path.is_file() else 0}"
    return found
