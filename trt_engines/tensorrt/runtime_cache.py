"""The kernels that TensorRT for RTX compiles while engines run: one cache for all engines of a set, kept in a file."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import Any

from trt_engines.files import write_whole


class RuntimeCache:
    """One cache, made with the first context and given to all of them; it outlives them.

    No failure of it is an error: kernels are then compiled anew.
    """

    def __init__(self, file: Path | None) -> None:
        """`file`: where it is kept; None for nowhere."""
        self._file = file
        self._cache: Any = None
        self._kept = ""

    def use_in(self, config: Any) -> None:
        """Give it to a runtime configuration, from which a context will be made."""
        if self._cache is None:
            self._cache = config.create_runtime_cache()
            known = self._read()
            if known and self._cache is not None:
                self._cache.deserialize(known)  # says False for those of another driver or card, and stays empty
                self._kept = _digest(known)
        if self._cache is not None:
            config.set_runtime_cache(self._cache)

    def save(self) -> bool:
        """Write it if it has changed; returns whether it was written."""
        if self._cache is None or self._file is None:
            return False
        try:
            found = self._cache.serialize()
            data = bytes(found) if found is not None else b""
        except Exception:  # whatever the bindings raise: it only saves time
            return False
        if not data or _digest(data) == self._kept:
            return False
        with contextlib.suppress(OSError):
            write_whole(self._file, data)
            self._kept = _digest(data)
            return True
        return False

    def close(self) -> None:
        """Forget it, after the contexts."""
        self._cache = None

    def _read(self) -> bytes:
        if self._file is None:
            return b""
        try:
            return self._file.read_bytes()
        except OSError:
            return b""


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
