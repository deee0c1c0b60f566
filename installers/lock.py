"""Resolve what installed programs consist of, for each system, and write locks/*.txt with the hash of every wheel.

`python3 installers/lock.py` makes all of them anew. Versions are those of requirements/run.txt and dev.txt, so
`python3 dev.py lock` comes first. Uses uv from a scratch environment.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "installers" / "locks"
UV = "uv==0.13.9"
PYTHON = "3.11"  # of the programs that we install; on 3.11, PySide6 is 6.11
WINDOWS, LINUX = "x86_64-pc-windows-msvc", "x86_64-manylinux_2_35"
# Wine 8 and 10 have no complex numbers in their C library, without which numpy 2.2 and later do not load.
WINE_NUMPY = "1.26.4"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How one lock is made.

    Attributes:
        platform: uv's name of the system.
        sources: What is resolved, relative to the root.
        versions: The file whose versions are taken.
        overrides: Versions that are taken instead, against all that packages ask for.
    """

    platform: str
    sources: tuple[str, ...]
    versions: str
    overrides: tuple[str, ...] = ()


APP, GPU = ("pyproject.toml", "installers/locks/bundled.in"), ("installers/locks/gpu.in",)
KERNELS = ("installers/locks/kernels.in",)
RUN, DEV = "requirements/run.txt", "requirements/dev.txt"
RECIPES = {
    "app-windows": Recipe(WINDOWS, APP, RUN),
    "app-linux": Recipe(LINUX, APP, RUN),
    "app-wine": Recipe(WINDOWS, APP, RUN, (f"numpy=={WINE_NUMPY}",)),
    "gpu-windows": Recipe(WINDOWS, GPU, DEV),
    "gpu-linux": Recipe(LINUX, GPU, DEV),
    "kernels": Recipe(LINUX, KERNELS, DEV),
}


def lock_file(name: str) -> Path:
    """Where a lock lies."""
    return LOCKS / f"{name}.txt"


def compile_lock(uv: str, name: str, recipe: Recipe, scratch: Path) -> None:
    """Write one lock."""
    replaced = {override.partition("==")[0] for override in recipe.overrides}
    pins = re.findall(r"^[a-z0-9][^\\\n]*", (ROOT / recipe.versions).read_text("utf-8"), flags=re.MULTILINE)
    constraints, overrides = scratch / "constraints.txt", scratch / "overrides.txt"
    constraints.write_text("\n".join(pin for pin in pins if pin.partition("==")[0] not in replaced), "utf-8")
    overrides.write_text("\n".join(recipe.overrides), "utf-8")
    command = [uv, "pip", "compile", *recipe.sources, "--python-platform", recipe.platform, "--python-version", PYTHON]
    command += ["--generate-hashes", "--only-binary", ":all:", "--upgrade", "--no-annotate", "--no-emit-index-url"]
    command += ["-c", str(constraints), "--override", str(overrides), "--quiet"]
    command += ["--custom-compile-command", "python3 installers/lock.py", "-o", str(lock_file(name))]
    subprocess.run(command, cwd=ROOT, check=True)
    text = lock_file(name).read_text("utf-8")
    lock_file(name).write_text(re.sub(r"^--.*\n", "", text, flags=re.MULTILINE), "utf-8", newline="\n")


def main() -> int:
    """Write all locks."""
    with tempfile.TemporaryDirectory(prefix="dewpoint-lock-") as folder:
        scripts = Path(folder) / "uv" / ("Scripts" if os.name == "nt" else "bin")
        subprocess.run([sys.executable, "-m", "venv", str(scripts.parent)], check=True)
        subprocess.run([str(scripts / "python"), "-m", "pip", "install", "-q", UV], check=True)
        for name, recipe in RECIPES.items():
            compile_lock(str(scripts / "uv"), name, recipe, Path(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
