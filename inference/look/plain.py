"""What crosses the pipe between a look process and whoever asked: plain values, and not too many of them."""

from __future__ import annotations

import dataclasses
import enum
import importlib
import io
import math
import pathlib
import pickle
from typing import Any

from inference.errors import LookError
from inference.text.surrogates import storable

MOST_BYTES = 4 << 20  # of one answer
MOST_CHARACTERS = 4000  # of one text; longer ones are cut
MOST_ENTRIES = 100_000  # of one tuple
_LARGEST = 2**63 - 1
_OURS = ("inference.", "trt_engines.")
_PATHS = ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")


def bounded(value: Any) -> Any:
    """The same value with its texts cut; only what is plain comes through.

    Raises:
        LookError: It holds more entries, or a larger number, than any model has.
        TypeError: It holds what is not plain; a bug of ours.
    """
    match value:
        case None | bool() | enum.Enum() | pathlib.PurePath():
            return value
        case str():
            return storable(value if len(value) <= MOST_CHARACTERS else value[: MOST_CHARACTERS - 1] + "\u2026")
        case int():
            if abs(value) > _LARGEST:
                raise too_much()
            return value
        case float():
            if not math.isfinite(value):
                raise too_much()
            return value
        case tuple():
            if len(value) > MOST_ENTRIES:
                raise too_much()
            return tuple(bounded(each) for each in value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
            plain = {name: bounded(each) for name, each in fields.items()}
            changed = {name: each for name, each in plain.items() if each != fields[name]}
            return dataclasses.replace(value, **changed) if changed else value
    raise TypeError(f"an answer must hold plain values, not {type(value).__name__}")


def too_much() -> LookError:
    """Of an answer that no model would need."""
    return LookError("What this says of itself is larger than any model's.", "Choose another copy of the model.")


def packed(value: Any) -> bytes:
    """A value for the pipe."""
    return pickle.dumps(value, protocol=5)


def unpacked(data: bytes) -> Any:
    """The value in bytes from the other process.

    Raises:
        LookError: They hold something else than the plain values of this program.
    """
    try:
        return _PlainUnpickler(io.BytesIO(data)).load()
    except (pickle.UnpicklingError, EOFError, AttributeError, ImportError, IndexError, TypeError, ValueError) as exc:
        raise LookError("A look gave an answer that makes no sense.", "Try again.") from exc


class _PlainUnpickler(pickle.Unpickler):
    """Makes frozen values of this program, enumerations and paths, and calls nothing else."""

    def find_class(self, module: str, name: str) -> Any:
        if module.startswith("pathlib") and name in _PATHS:
            return getattr(pathlib, name)
        if module.startswith(_OURS):
            found = getattr(importlib.import_module(module), name)
            if isinstance(found, type) and (dataclasses.is_dataclass(found) or issubclass(found, enum.Enum)):
                return found
        raise pickle.UnpicklingError(f"{module}.{name} is no plain value")
