"""A module that is imported when something of it is used first, in the thread that uses it."""

from __future__ import annotations

import importlib
from typing import Any


class LazyModule:
    """Stands for a module; type checkers see the module itself, imported under `TYPE_CHECKING`."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, attribute: str) -> Any:
        """Import and look up."""
        return getattr(importlib.import_module(self._name), attribute)
