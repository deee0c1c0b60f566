"""Whether graphs can be made here: that takes PyTorch, which an installed program does not have."""

from __future__ import annotations

import importlib.util

MODULES = ("torch", "onnxscript")
HINT = (
    "An installed Dewpoint cannot do that. In a checkout of its source, run pip install -e '.[export]' in .venv, start "
    "it there, and try again."
)


def can_export() -> bool:
    """Whether what makes graphs is installed."""
    return all(importlib.util.find_spec(name) is not None for name in MODULES)
