"""The loaded model as clients see it."""

from __future__ import annotations

import re
from pathlib import Path

from app.base.paths import same_folder, starter_model_folder
from app.server.wire import ServedModel
from inference.events import ModelReady

_LONGEST_ID = 80


def served_model(folder: Path | None, ready: ModelReady) -> ServedModel:
    """The model of a folder (None for a fake one), as it was loaded; its id is made of the folder's name."""
    if folder is None:
        name = "fake"
    elif same_folder(folder, starter_model_folder()):
        name = "dewpoint-starter"
    else:
        name = re.sub(r"[^a-z0-9._-]+", "-", folder.resolve().name.lower()).strip("-.")[:_LONGEST_ID] or "model"
    sizes = ready.max_context, ready.canvas_length, _size(folder)
    return ServedModel(name, ready.name, ready.backend, *sizes, calls_tools=ready.calls_tools)


def _size(folder: Path | None) -> int:
    try:
        return sum(file.stat().st_size for file in folder.iterdir() if file.is_file()) if folder is not None else 0
    except OSError:
        return 0
