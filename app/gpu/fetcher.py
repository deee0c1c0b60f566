"""The program that fetches wheels: `uv`, which installers put beside Dewpoint; in a checkout without it, pip.

Why another program does it: a package index needs an index protocol, mirrors, proxies, certificates, and choosing a
wheel for this system and Python. uv does all that from one file with hashes and needs no pip, which installed programs
do not have. It asks some Python about the system, so a frozen Dewpoint names a `python3` of the system; the wheels are
chosen for Dewpoint's own version all the same. Everything it writes lies in the folder of this one installation.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from app.base.errors import KnownAppError
from app.base.graphemes import shortened
from app.gpu import texts
from app.gpu.recipe import Recipe

_FULL = re.compile(r"No space left|os error (28|112)\b|Errno 28\b|not enough space on the disk|Disk quota", re.I)
_HASH = re.compile(r"hash mismatch|DO NOT MATCH THE HASHES", re.I)
_ABSENT = re.compile(r"not found in the|no version of|there are no versions|no wheels|provided package locations", re.I)
_NETWORK = re.compile(
    r"error sending request|failed to fetch|Retrying|proxy|connection|timed? ?out|dns error|resolve|HTTP status", re.I
)


@dataclass(frozen=True, slots=True)
class Fetcher:
    """A way to fetch.

    Attributes:
        name: "uv" or "pip".
        program: What is started.
        source: More words of the command line; tests name a folder of wheels.
    """

    name: str
    program: tuple[str, ...]
    source: tuple[str, ...] = ()

    def command(self, recipe: Recipe, target: Path) -> list[str]:
        """Fetch the wheels of the recipe into `target`."""
        words = [*self.program, "pip", "install"] if self.name == "uv" else [*self.program, "-m", "pip", "install"]
        if self.name == "uv":
            words += ["--no-progress", "--no-config"] if self.source else ["--no-progress"]
            words += ["--python", _python(), "--python-version", ".".join(map(str, sys.version_info[:2]))]
        else:
            words += ["--no-cache-dir", "--no-input", "--no-compile", "--disable-pip-version-check", "--retries", "2"]
        words += ["--no-deps", "--require-hashes", "--only-binary", ":all:", "--target", str(target)]
        return [*words, *self.source, "-r", str(recipe.lock)]

    def environment(self, folder: Path, environment: Mapping[str, str]) -> dict[str, str]:
        """The user's own, with proxies and mirrors, and everything temporary in `folder`."""
        scratch = str(folder / "tmp")
        found = {**environment, "TMPDIR": scratch, "TEMP": scratch, "TMP": scratch}
        found |= {"UV_CACHE_DIR": str(folder / "cache"), "UV_LINK_MODE": "copy"}
        found |= {"UV_PYTHON_DOWNLOADS": "never", "NO_COLOR": "1", "PYTHONUTF8": "1"}
        found.setdefault("UV_HTTP_RETRIES", "3")
        if "LD_LIBRARY_PATH_ORIG" in found:  # a frozen program's libraries are not for other programs
            found["LD_LIBRARY_PATH"] = found.pop("LD_LIBRARY_PATH_ORIG")
        elif getattr(sys, "frozen", False):
            found.pop("LD_LIBRARY_PATH", None)
        for name in ("PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV", "PIP_TARGET", "PIP_PREFIX", "PIP_USER"):
            found.pop(name, None)
        return found

    def peak(self, recipe: Recipe) -> int:
        """Bytes on the disk at most, while it works: uv unpacks into its cache and copies from there."""
        return recipe.installed + max(recipe.download, recipe.installed if self.name == "uv" else recipe.download)


def found_fetcher() -> Fetcher:
    """uv beside the program, in its environment or on the path; else pip, if the program is not frozen.

    Raises:
        KnownAppError: There is neither.
    """
    name = "uv.exe" if os.name == "nt" else "uv"
    beside = Path(sys.executable).resolve().parent
    bundle = getattr(sys, "_MEIPASS", None)
    scripts = Path(sys.prefix) / ("Scripts" if os.name == "nt" else "bin")
    places = [beside, beside / "_internal", beside.parent, scripts, *([Path(bundle)] if bundle else [])]
    for place in places:
        if (place / name).is_file() and os.access(place / name, os.X_OK):
            return Fetcher("uv", (str(place / name),))
    on_path = shutil.which("uv")
    if on_path is not None:
        return Fetcher("uv", (on_path,))
    if not getattr(sys, "frozen", False) and importlib.util.find_spec("pip") is not None:
        return Fetcher("pip", (sys.executable,))
    raise KnownAppError(texts.NO_INSTALLER, texts.NO_INSTALLER_HINT)


def _python() -> str:
    """A Python that uv may ask about this system."""
    if not getattr(sys, "frozen", False):
        executable = Path(sys.executable)
        console = executable.with_name("python.exe")
        return str(console if executable.name == "pythonw.exe" and console.is_file() else executable)
    found = shutil.which("python3") or shutil.which("python")
    if found is None:
        raise KnownAppError(texts.NO_PYTHON, texts.NO_PYTHON_HINT)
    return found


def trouble(output: str, needed: int) -> KnownAppError:
    """What the fetcher's last words mean."""
    if _HASH.search(output):
        return KnownAppError(texts.WRONG_HASH, texts.WRONG_HASH_HINT)
    if _FULL.search(output):
        return KnownAppError(texts.DISK_FULL, texts.disk_full_hint(needed))
    if _NETWORK.search(output):
        return KnownAppError(texts.UNREACHABLE, texts.UNREACHABLE_HINT)
    if _ABSENT.search(output) or "No matching distribution" in output:
        return KnownAppError(texts.NOT_OFFERED, texts.NOT_OFFERED_HINT)
    lines = [line.strip() for line in output.splitlines() if line.strip() and not line.startswith("WARNING")]
    reason = shortened(lines[-1], 300) if lines else "it gave no reason."
    return KnownAppError(texts.failed(reason), texts.UNREACHABLE_HINT)
