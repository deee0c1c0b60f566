"""From the C sources to one shared library, by whatever C compiler there is; standard library only.

The kernels are compiled once for each instruction set, the rest once; which kernels run is decided when the library is
loaded (`source/library.c`). The library's name holds the hash of everything that it is made from, so that one of other
sources is never loaded. `ziglang` (from the package index, a development dependency) makes it for Windows and for every
Linux with glibc 2.28 or later, from Linux, with the same bytes each time.

    python -m inference.native [--target linux|windows] [--out DIR]
    python -m inference.native --once     what `dev.py` does: for this computer, in under a minute or not at all
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import math
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCE = Path(__file__).resolve().parent / "source"
BUILT = Path(__file__).resolve().parent / "build"
NAME = "dewpoint-native"

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
_REST = ("forms", "forward", "pool", "library")
_BESIDE = 2  # files compiled at a time: gcc takes up to 1.4 GB for one
_TRIED_SECONDS = 24 * 3600  # a computer that was too busy to build them is tried again the next day
# Told how many files are compiled, and of how many.
Report = Callable[[int, int], None]


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
    return f"{NAME}-{digest.hexdigest()[:12]}{_ENDINGS[target]}"


def library_there() -> str | None:
    """Name of the library that this program would load, without loading it; None if there is none."""
    if SOURCE.is_dir():
        name = library_name()
        return name if (BUILT / name).is_file() else None
    return next((file.name for file in sorted(BUILT.glob(f"{NAME}-*"))), None)


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


def not_built_before(folder: Path = BUILT) -> Path:
    """The note that these sources were tried on this computer and not built; holds why."""
    return (folder / library_name()).with_suffix(".failed")


def worth_trying(folder: Path = BUILT) -> bool:
    """Whether the library of this computer is neither there nor was tried within a day, and there is a compiler."""
    if (folder / library_name()).exists() or not find_compilers():
        return False
    try:
        return not 0 <= time.time() - not_built_before(folder).stat().st_mtime < _TRIED_SECONDS
    except OSError:
        return True


def build_library(
    folder: Path = BUILT,
    target: str | None = None,
    compiler: Compiler | None = None,
    extra: tuple[str, ...] = (),
    report: Report | None = None,
    seconds: float = math.inf,
) -> Path:
    """Compile and link; does nothing if the library is there.

    Args:
        folder: Where it goes.
        target: "linux" or "windows"; None: this computer.
        compiler: None: the first one found that can do it (an old one may not know every instruction set).
        extra: Further flags, of a special build (sanitizers).
        report: Told after each file.
        seconds: How long it may take, all compilers together.

    Returns:
        The library.

    Raises:
        KernelBuildError: There is no compiler, none could do it (says what the last one said), or it took too long.
    """
    end = time.monotonic() + seconds
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
                work = _Work(each, extra, target or here(), Path(name), end, report or _untold)
                os.replace(work.compile(), file)
            return file
        except KernelBuildError as exc:
            failed = exc
        except OSError as exc:
            failed = KernelBuildError(f"The library cannot be built in {folder}: {exc.strerror or exc}.")
    raise failed


class _Work:
    """One compiler at work; its files are compiled beside each other."""

    def __init__(
        self, compiler: Compiler, extra: tuple[str, ...], target: str, folder: Path, end: float, report: Report
    ) -> None:
        self._target, self._folder, self._end, self._report = target, folder, end, report
        self._command, self._flags = list(compiler.command), [*_COMMON, *extra]
        self._strip = [] if extra else ["-s"]
        if not compiler.own_system_only:
            self._command += ["-target", _ZIG_TARGETS[target]]
            self._flags.append("-fno-sanitize=undefined")  # which it would add itself
        if target != "windows":
            self._flags.append("-fPIC")
        self._fast = is_x86() or not compiler.own_system_only
        self._flags += ["-DDP_X86"] if self._fast else []

    def compile(self) -> Path:
        """Everything; returns the library."""
        wanted: list[tuple[list[str], str, str]] = []
        for number, name, own in reversed(_KERNELS if self._fast else _KERNELS[:1]):  # those that take longest first
            table = [f"-DDP_ISA={number}", f"-DDP_TABLE=kernels_{name}"]
            wanted.append(([*own, *table], "kernels", f"kernels-{name}"))
        wanted += [([], name, name) for name in _REST]
        with ThreadPoolExecutor(min(_BESIDE, os.cpu_count() or 1)) as pool:
            running = [pool.submit(self._object, *each) for each in wanted]
            try:
                for done, each in enumerate(as_completed(running), 1):
                    each.result()
                    self._report(done, len(wanted))
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
            objects = [str(each.result()) for each in running]
        made = self._folder / f"made{_ENDINGS[self._target]}"
        libraries = [] if self._target == "windows" else ["-lm", "-lpthread"]
        self._call([*self._flags, "-shared", *self._strip, "-o", str(made), *objects, *libraries])
        return made

    def _object(self, flags: list[str], name: str, out: str) -> Path:
        made = self._folder / f"{out}.o"
        self._call([*self._flags, *flags, "-c", str(SOURCE / f"{name}.c"), "-o", str(made)])
        return made

    def _call(self, arguments: list[str]) -> None:
        seconds = None if self._end == math.inf else max(self._end - time.monotonic(), 0.0)
        code, output = _called([*self._command, *arguments], seconds)
        if code:
            last = "\n".join(output.splitlines()[-10:])
            raise KernelBuildError(f"The C compiler failed:\n{last}")


def _called(command: list[str], seconds: float | None) -> tuple[int, str]:
    """Exit code and output; after `seconds`, or on Ctrl+C, the compiler's own children end with it."""
    own_group: dict[str, Any] = {"process_group": 0} if os.name == "posix" else {}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, encoding="utf-8",
        errors="replace", **own_group,
    ) as child:  # fmt: skip
        try:
            output, _ = child.communicate(timeout=seconds)
            return child.returncode, output
        except BaseException as exc:
            if os.name == "posix":
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
            else:
                child.kill()
            if isinstance(exc, subprocess.TimeoutExpired):
                raise KernelBuildError("The C compiler took too long.") from exc
            raise


def _untold(done: int, total: int) -> None:
    """Nobody asked."""
