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
from concurrent.futures import ThreadPoolExecutor
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


class KernelBuildError(Exception):
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


def is_x86() -> bool:
    """Whether this processor has the instruction sets of the fast kernels."""
    return platform.machine().lower() in ("x86_64", "amd64")


def library_name(target: str | None = None, extra: tuple[str, ...] = ()) -> str:
    """File name of the library that these sources make, in ASCII; `extra` are flags of a special build."""
    digest = hashlib.sha256()
    for file in sorted(SOURCE.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes().replace(b"\r\n", b"\n") + b"\0")
    digest.update(repr((_COMMON, _KERNELS, extra)).encode())
    target = target or here()
    return f"dewpoint-native-{digest.hexdigest()[:12]}{_ENDINGS[target]}"


def find_compilers(target: str | None = None) -> list[Compiler]:
    """The compilers that can make the library, the quickest first.

    Args:
        target: None: a library for this computer, by the system's compiler or `ziglang`. A named target is for others'
            computers, too: `ziglang` alone binds to an old enough C library.
    """
    found = []
    if target is None and here() == "linux":
        names = dict.fromkeys((os.environ.get("CC", "cc"), "gcc", "clang"))
        found = [Compiler((path,), own_system_only=True) for path in map(shutil.which, names) if path is not None]
    if importlib.util.find_spec("ziglang") is not None:
        found.append(Compiler((sys.executable, "-m", "ziglang", "cc"), own_system_only=False))
    return found


def build_library(
    folder: Path = BUILT, target: str | None = None, compiler: Compiler | None = None, extra: tuple[str, ...] = ()
) -> Path:
    """Compile and link; does nothing if the library is there.

    Args:
        folder: Where it goes.
        target: "linux" or "windows"; None: this computer.
        compiler: None: the first one found that can do it (an old one may not know every instruction set).
        extra: Further flags, of a special build (sanitizers).

    Returns:
        The library.

    Raises:
        KernelBuildError: There is no compiler, or none could do it; says what the last one said.
    """
    file = folder / library_name(target, extra)
    if file.exists():
        return file
    failed = KernelBuildError(
        "There is no C compiler for it: install one, or the package ziglang (pip install ziglang)."
    )
    for each in find_compilers(target) if compiler is None else [compiler]:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, ignore_cleanup_errors=True) as name:
                os.replace(_compile(each, extra, target or here(), Path(name)), file)
            return file
        except KernelBuildError as exc:
            failed = exc
        except OSError as exc:
            failed = KernelBuildError(f"The library cannot be built in {folder}: {exc.strerror or exc}.")
    raise failed


def _compile(compiler: Compiler, extra: tuple[str, ...], target: str, folder: Path) -> Path:
    command, flags = list(compiler.command), [*_COMMON, *extra]
    if not compiler.own_system_only:
        command += ["-target", _ZIG_TARGETS[target]]
        flags.append("-fno-sanitize=undefined")  # which it would add itself
    if target != "windows":
        flags.append("-fPIC")
    fast = is_x86() or not compiler.own_system_only
    flags += ["-DDP_X86"] if fast else []
    jobs = [
        ([*flags, *own, f"-DDP_ISA={number}", f"-DDP_TABLE=kernels_{name}"], "kernels", folder / f"kernels-{name}.o")
        for number, name, own in reversed(_KERNELS if fast else _KERNELS[:1])  # those that take longest come first
    ]
    jobs += [(flags, name, folder / f"{name}.o") for name in ("forward", "pool", "library")]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        objects = list(pool.map(lambda job: _object(command, *job), jobs))
    made = folder / f"made{_ENDINGS[target]}"
    libraries = [] if target == "windows" else ["-lm", "-lpthread"]
    strip = [] if extra else ["-s"]
    _call([*command, *flags, "-shared", *strip, "-o", str(made), *map(str, objects), *libraries])
    return made


def _object(command: list[str], flags: list[str], name: str, out: Path) -> Path:
    _call([*command, *flags, "-c", str(SOURCE / f"{name}.c"), "-o", str(out)])
    return out


def _call(command: list[str]) -> None:
    done = subprocess.run(command, check=False, capture_output=True, encoding="utf-8", errors="replace")
    if done.returncode:
        last = "\n".join((done.stderr or done.stdout).splitlines()[-10:])
        raise KernelBuildError(f"The C compiler failed:\n{last}")
