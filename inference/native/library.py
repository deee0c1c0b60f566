"""The library of our kernels, loaded: which instruction sets it can use here, a pool of threads, single products.

Whatever crosses this border is checked on this side: the C code trusts sizes and places.
"""

from __future__ import annotations

import ctypes
from ctypes import POINTER, c_float, c_int, c_int32, c_void_p
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.native.build import BUILT, SOURCE, library_name, library_there
from inference.native.cores import Cores

ISAS = ("plain", "avx2", "avxvnni", "vnni256", "avx512")  # numbers of native.h
# Best first; vnni256 is what avxvnni computes, in another encoding: it lets a processor with AVX-512 test that code.
_PREFERRED = ("avx512", "avxvnni", "avx2", "plain")
_VERSION = 5


class NativeError(Exception):
    """The library is missing or refuses something; the text is for a log."""


def library_file() -> Path:
    """Where the library lies: that of these sources once it is built; an installed program has one, and no sources.

    Raises:
        NativeError: This copy of the program comes without it.
    """
    name = library_name() if SOURCE.is_dir() else library_there()
    if name is None:
        raise NativeError("this copy of the program comes without them")
    return BUILT / name


@cache
def load(file: Path | None = None) -> ctypes.CDLL:
    """The library, with the types of its functions.

    Raises:
        NativeError: It is not built, or cannot be loaded.
    """
    file = file or library_file()
    if not file.is_file():
        raise NativeError(f"{file.name} is not built")
    try:
        library = ctypes.CDLL(str(file))
        for name, (result, arguments) in _FUNCTIONS.items():
            function = getattr(library, name)
            function.restype, function.argtypes = result, arguments
    except (OSError, AttributeError) as exc:
        raise NativeError(f"{file.name} cannot be loaded: {exc}") from exc
    if library.dp_version() != _VERSION:
        raise NativeError(f"{file.name} is of another version")
    return library


def is_there() -> bool:
    """Whether the library is built and can be loaded."""
    try:
        load()
    except NativeError:
        return False
    return True


def usable_isas() -> tuple[str, ...]:
    """Instruction sets that this processor has kernels for, in the order of their numbers."""
    return tuple(name for number, name in enumerate(ISAS) if load().dp_has(number))


def best_isa() -> str:
    """The fastest of them."""
    return next(name for name in _PREFERRED if name in usable_isas())


class Threads:
    """A pool of threads, for one model at a time."""

    def __init__(self, cores: Cores, lower: bool = True) -> None:
        """Start them.

        Args:
            cores: How many, and where.
            lower: With a lower priority than the rest of the process, so that the window and other programs go first.

        Raises:
            NativeError: The system refuses threads.
        """
        cpus = (c_int32 * len(cores.cpus))(*cores.cpus)
        self.count = cores.threads
        self.handle: int | None = load().dp_threads_new(cores.threads, cpus, len(cores.cpus), int(lower))
        if not self.handle:
            raise NativeError(f"the system refuses {cores.threads} threads")

    def close(self) -> None:
        """End them; whatever used them must be closed already."""
        if self.handle:
            load().dp_threads_free(self.handle)
            self.handle = None


def pointer(array: NDArray[Any] | None) -> int | None:
    """Where an array lies; it must be contiguous, and is kept alive by the caller."""
    if array is None:
        return None
    if not array.flags.c_contiguous:
        raise ValueError("the array is not contiguous")
    return int(array.ctypes.data)


def aligned(shape: tuple[int, ...], dtype: Any) -> NDArray[Any]:
    """Zeros that begin at a multiple of 64 bytes.

    Raises:
        MemoryError: There is not enough.
    """
    kind = np.dtype(dtype)
    size = int(np.prod(shape, dtype=np.int64)) * kind.itemsize
    raw = np.zeros(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    made: NDArray[Any] = raw[start : start + size].view(kind).reshape(shape)
    return made


_FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    "dp_version": (c_int, []),
    "dp_has": (c_int, [c_int]),
    "dp_pack": (c_int, [c_int] * 5 + [c_void_p, c_void_p, c_int, c_int, c_void_p, c_void_p]),
    "dp_product": (
        c_int,
        [c_int] * 5 + [c_void_p] * 3 + [c_int] * 3 + [c_void_p, c_int, c_void_p, c_void_p, c_void_p],
    ),
    "dp_attend": (c_int, [c_int] * 10 + [c_void_p] * 4),
    "dp_threads_new": (c_void_p, [c_int, c_void_p, c_int, c_int]),
    "dp_threads_free": (None, [c_void_p]),
    "dp_model_new": (c_void_p, [POINTER(c_int32), POINTER(c_float), c_int, c_void_p]),
    "dp_model_free": (None, [c_void_p]),
    "dp_model_matrix": (None, [c_void_p] + [c_int] * 7 + [c_void_p, c_void_p]),
    "dp_model_vector": (None, [c_void_p, c_int, c_int, c_void_p]),
    "dp_model_scalars": (None, [c_void_p, c_int, c_float, c_float]),
    "dp_model_table": (None, [c_void_p, c_void_p, c_int]),
    "dp_run_layer": (None, [c_void_p, c_int] + [c_void_p] * 2 + [c_int] + [c_void_p] * 2),
    "dp_run_start": (c_int, [c_void_p, POINTER(c_int32), c_float] + [c_void_p] * 10),
    "dp_run_wait": (c_int, [c_void_p, c_int]),
    "dp_run_stop": (None, [c_void_p]),
    "dp_form_step": (c_int, [c_int, c_void_p, c_int, c_int] + [c_void_p] * 13),
}
