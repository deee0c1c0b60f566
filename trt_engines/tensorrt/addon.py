"""TensorRT for RTX and CUDA's bindings out of a folder that the program fetched for its user: the GPU add-on.

Whoever starts names the folder, in the environment, so that engine and build processes know it, too. It is looked at
whenever TensorRT or CUDA is about to be imported: an add-on that was installed meanwhile works without a restart. What
is installed in Python's own folders comes first. That it imports says nothing about a graphics card; the driver does.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import importlib.util
import os
import sys
from pathlib import Path
from typing import Any

FOLDER_VARIABLE = "DEWPOINT_GPU"
MANIFEST = "dewpoint-gpu.json"  # written last: a folder that has it is whole
GOING = "dewpoint-remove"  # beside it: in use when the user removed it, goes at the next start
BINDINGS, LIBRARIES = "tensorrt_rtx_bindings", "tensorrt_rtx_libs"

_dll_folders: dict[str, Any] = {}  # Windows forgets a folder when its handle is dropped


def name_addon(folder: Path) -> None:
    """Say where the add-on lies, or will lie, for this process and all that it starts."""
    os.environ[FOLDER_VARIABLE] = str(folder)


def addon_folder() -> Path | None:
    """The folder of a whole add-on; None if there is none."""
    named = os.environ.get(FOLDER_VARIABLE)
    folder = Path(named) if named else None
    return folder if folder is not None and is_whole(folder) else None


def is_whole(folder: Path) -> bool:
    """Whether an installation came to its end there, and no removal has begun."""
    return (folder / MANIFEST).is_file() and not (folder / GOING).exists()


def use_addon() -> Path | None:
    """Let imports find the add-on, behind everything else; returns its folder, None if there is none."""
    folder = addon_folder()
    if folder is None:
        return None
    if str(folder) not in sys.path:
        sys.path.append(str(folder))
        importlib.invalidate_caches()
    libraries = folder / LIBRARIES
    if sys.platform == "win32" and libraries.is_dir() and str(libraries) not in _dll_folders:
        _dll_folders[str(libraries)] = os.add_dll_directory(str(libraries))
    if _found_in(folder):
        _load_libraries(libraries)
    return folder


def elsewhere() -> bool:
    """Whether a TensorRT that is not the add-on's can be imported; nothing is loaded for that."""
    named = os.environ.get(FOLDER_VARIABLE)
    for name in (BINDINGS, "tensorrt"):
        place = _place_of(name)
        if place is not None and not (named and place.is_relative_to(Path(named))):
            return True
    return False


def is_gone(module: Any) -> bool:
    """Whether the file of an imported module is not there any more: its add-on was removed."""
    file = getattr(module, "__file__", None)
    return file is not None and not os.path.exists(file)


def _found_in(folder: Path) -> bool:
    place = _place_of(BINDINGS) if BINDINGS not in sys.modules else None
    return place is not None and place.is_relative_to(folder)


def _place_of(name: str) -> Path | None:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin) if spec is not None and spec.origin else None


def _load_libraries(folder: Path) -> None:
    """Load the libraries by their paths before the bindings ask for them by name.

    The bindings' own way to do that hides every error, and failed in a frozen program.
    """
    names = sorted(folder.glob("*.so*")) + sorted(folder.glob("*.dll"))
    for file in sorted(names, key=lambda path: "parser" in path.name):  # the parser needs the other one
        with contextlib.suppress(OSError):  # the import says what is wrong
            ctypes.CDLL(str(file))
