"""Where TensorRT engines are kept: the program that starts the engine process says so in its environment."""

from __future__ import annotations

import os
from pathlib import Path

ENGINES_VARIABLE = "DEWPOINT_ENGINES"


def engine_folder() -> Path | None:
    """The folder of all engine sets, None if none was named."""
    named = os.environ.get(ENGINES_VARIABLE)
    return Path(named) if named else None
