"""Our kernels for processors, compiled for installed programs: by a locked compiler, with the same bytes each time."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from inference.native.build import Compiler, build_library
from installers.licences import INDEX
from installers.lock import lock_file

FOLDER = Path("inference/native/build")  # of the program, where inference/native/library.py looks
SOURCES = "inference/native/source"  # which an installed program has no use for
# Texts of what the compiler puts into a library beside ours: its own run-time and the start of the system's C library.
NOTICES = {"windows": ("LICENSE", "lib/libc/mingw/COPYING"), "linux": ("LICENSE", "lib/libc/glibc/LICENSES")}


class KernelsError(Exception):
    """The compiler cannot be had; the text says why."""


def add_kernels(program: Path, target: str, licences: Path) -> Path:
    """Compile the library for a program and put it where that looks for it.

    Args:
        program: The folder that holds the program's packages.
        target: "windows" or "linux" (any with glibc 2.28 or later).
        licences: The folder of the licence texts, whose index gets a line.

    Returns:
        The library.

    Raises:
        KernelsError: The compiler cannot be had.
        KernelBuildError: It failed.
    """
    with tempfile.TemporaryDirectory(prefix="dewpoint-kernels-") as scratch:
        compiler = locked_compiler(Path(scratch))
        made = build_library(program / FOLDER, target, compiler)
        texts = licences / "ziglang"
        texts.mkdir(parents=True, exist_ok=True)
        for name in NOTICES[target]:
            shutil.copyfile(Path(compiler.command[0]).parent / name, texts / Path(name).name)
    version = re.search(r"^ziglang==(\S+)", lock_file("kernels").read_text("utf-8"), re.MULTILINE)
    with (licences / INDEX).open("a", encoding="utf-8", newline="\n") as index:
        index.write(f"{f'ziglang {version[1] if version else str()}':<40} MIT (of its run-time in our kernels)\n")
    made.chmod(0o644)
    return made


def locked_compiler(folder: Path) -> Compiler:
    """The compiler of the lock, downloaded into a folder.

    Raises:
        KernelsError: It cannot be had.
    """
    command = [sys.executable, "-m", "pip", "install", "--target", str(folder), "--require-hashes", "--no-deps"]
    command += ["--only-binary", ":all:", "--disable-pip-version-check", "--no-input", "--quiet"]
    done = subprocess.run(
        [*command, "-r", str(lock_file("kernels"))], check=False, capture_output=True, text=True, encoding="utf-8"
    )
    if done.returncode:
        raise KernelsError(f"pip could not fetch the compiler of our kernels:\n{done.stderr[-3000:]}")
    zig = next(path for path in sorted((folder / "ziglang").iterdir()) if path.name in ("zig", "zig.exe"))
    return Compiler((str(zig), "cc"), own_system_only=False)
