"""What the add-on consists of: a lock with hashes, sizes and licences; `requirements/gpu.py` makes all of them."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from app.base.errors import KnownAppError
from app.base.paths import resources_folder
from app.gpu import texts

_PIN = re.compile(r"^([A-Za-z0-9._-]+)==([^\s\\;]+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is fetched.

    Attributes:
        lock: Requirements with hashes.
        version: Of TensorRT for RTX.
        download: Bytes to fetch, about.
        installed: Bytes on the disk, about.
        licences: The licences of all packages.
    """

    lock: Path
    version: str
    download: int
    installed: int
    licences: str

    @property
    def packages(self) -> dict[str, str]:
        """Normalised name of each package, and its version."""
        return {normalised(name): version for name, version in _PIN.findall(self.lock.read_text("utf-8"))}


def normalised(name: str) -> str:
    """The name of a package as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def shipped_recipe() -> Recipe:
    """What this version of the program installs on this system.

    Raises:
        KnownAppError: The program's files are incomplete.
    """
    folder, system = resources_folder() / "gpu", "windows" if sys.platform == "win32" else "linux"
    try:
        facts = json.loads((folder / "facts.json").read_text("utf-8"))
        sizes, licences = facts[system], (folder / "licences.txt").read_text("utf-8")
        return Recipe(folder / f"lock-{system}.txt", facts["version"], sizes["download"], sizes["installed"], licences)
    except (OSError, ValueError, KeyError) as exc:
        raise KnownAppError(texts.NO_RECIPE, texts.NO_RECIPE_HINT) from exc
