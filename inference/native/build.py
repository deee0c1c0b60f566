"""From the C sources to one shared library, by whatever C compiler there is; standard library only.

The kernels are compiled once for each instruction set, the rest once; which kernels run is decided when the library is
loaded (`source/library.c`). The library's name holds the hash of everything that it is made from, so that one of other
sources is never loaded. `ziglang` (from the package index, a development dependency) makes it for Windows and for every
Linux with glibc 2.28 or later, from Linux.

    python -m inference.native [--target linux|windows] [--out DIR]
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

SOURCE = Path(__file__).resolve().parent / "source"
BUILT = Path(__file__).resolve().parent / "build"

_COMMON = ("-std=gnu11", "-O3", "-fvisibility=hidden", "-ffp-contract=off", "-fno-math-errno", "-Wall", "-Wextra")
_AVX2 = ("-mavx2", "-mfma", "-mf16c")
_AVX512 = (*_AVX2, "-mavx512f", "-mavx512bw", "-mavx512vl", "-mavx512dq", "-mavx512vnni")
# Number in the sources (native.h), name, what the compiler is told.
_KERNELS: tuple[tuple[int, str, tuple[str, ...]], ...] = (
    (0, "plain", ()),
    (1, "avx2", _AVX2),
    (2, "avxvnni", (*_AVX2, "-mavxvnni")),
    (3, "vnni256", _AVX512),
    (4, "avx512", _AVX512),
)
_ZIG_TARGETS = {"linux": "x86_64-linux-gnu.2.28", "windows": "x86_64-windows-gnu"}
_ENDINGS = {"linux": ".so", "windows": ".dll"}


class CompileError(Exception):
    """No compiler, or it failed; the text is for the user."""


@dataclass(frozen=True, slots=True)
class Compiler:
    """A C compiler.

    Attributes:
        command: The program and what always follows it.
        own_system_only: Whether it makes libraries for this system alone.
    """

    command: tuple[str, ...]
    own_system_only: bool


def here() -> str:
    """This system's target."""
    return "windows" if os.name == "nt" else "linux"


def is_x86(machine: str | None = None) -> bool:
    """Whether this processor has the instruction sets of the fast kernels."""
    return (machine or platform.machine()).lower() in ("x86_64", "amd64")


def library_name(target: str | None = None, extra: tuple[str, ...] = ()) -> str:
    """File name of the library that these sources make, in ASCII; `extra` are flags of a special build."""
    digest = hashlib.sha256()
    for file in sorted(SOURCE.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    digest.update(repr((_COMMON, _KERNELS, extra)).encode())
    target = target or here()
    return f"dewpoint-native-{digest.hexdigest()[:12]}{_ENDINGS[target]}"


def find_compiler(target: str | None = None) -> Compiler | None:
    """`ziglang` if it is installed, else the system's compiler for the system's own library; None: neither."""
    if importlib.util.find_spec("ziglang") is not None:
        return Compiler((sys.executable, "-m", "ziglang", "cc"), own_system_only=False)
    if (target or here()) == here() == "linux":
        for name in (os.environ.get("CC", "cc"), "gcc", "clang"):
            found = shutil.which(name)
            if found is not None:
                return Compiler((found,), own_system_only=True)
    return None


def build_library(
    folder: Path = BUILT, target: str | None = None, compiler: Compiler | None = None, extra: tuple[str, ...] = ()
) -> Path:
    """Compile and link; does nothing if the library is there.

    Args:
        folder: Where it goes.
        target: "linux" or "windows"; None: this system.
        compiler: None: the one that `find_compiler` finds.
        extra: Further flags, of a special build (sanitizers).

    Returns:
        The library.

    Raises:
        CompileError: There is no compiler, or it failed.
    """
    target = target or here()
    file = folder / library_name(target, extra)
    if file.exists():
        return file
    compiler = compiler or find_compiler(target)
    if compiler is None:
        raise CompileError("There is no C compiler: install one, or the package ziglang (pip install ziglang).")
    if target != here() and compiler.own_system_only:
        raise CompileError(f"{compiler.command[0]} makes no libraries for {target}; the package ziglang does.")
    command = list(compiler.command)
    if not compiler.own_system_only:
        command += ["-target", _ZIG_TARGETS[target]]
        extra = ("-fno-sanitize=undefined", *extra) if "-fsanitize=undefined" not in extra else extra
    flags = [*_COMMON, *extra, *([] if target == "windows" else ["-fPIC"])]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as name:
            made = _compile(command, flags, target, Path(name))
            os.replace(made, file)
    except OSError as exc:
        raise CompileError(f"The library cannot be built in {folder}: {exc.strerror or exc}.") from exc
    return file


def _compile(command: list[str], flags: list[str], target: str, folder: Path) -> Path:
    fast = is_x86() or target == "windows"
    flags = [*flags, "-DDP_X86"] if fast else flags
    objects = []
    for number, name, own in _KERNELS if fast else _KERNELS[:1]:
        table = [f"-DDP_ISA={number}", f"-DDP_TABLE=kernels_{name}", f'-DDP_NAME="{name}"']
        objects.append(_object(command, [*flags, *own, *table], "kernels", folder / f"kernels-{name}.o"))
    for name in ("pool", "library", "forward"):
        objects.append(_object(command, flags, name, folder / f"{name}.o"))
    made = folder / f"made{_ENDINGS[target]}"
    libraries = [] if target == "windows" else ["-lm", "-lpthread"]
    strip = [] if any(flag.startswith("-fsanitize") for flag in flags) else ["-s"]
    _call([*command, *flags, "-shared", *strip, "-o", str(made), *map(str, objects), *libraries])
    return made


def _object(command: list[str], flags: list[str], name: str, out: Path) -> Path:
    _call([*command, *flags, "-c", str(SOURCE / f"{name}.c"), "-o", str(out)])
    return out


def _call(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).splitlines()[-10:])
        raise CompileError(f"The C compiler failed:\n{last}")
