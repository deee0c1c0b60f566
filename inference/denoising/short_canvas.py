"""A short answer on a short canvas: with a quarter of the places, a step takes a quarter of the time or little more.

The answer is tried on it first, and stands if the canvas settles in a few steps and holds its end; else it is made on a
whole canvas as if nothing had been tried. Measured on the starter model (`python benchmarks/fewer_rows.py`): as many
answers are right. A model that was trained on whole canvases alone may do worse, so a checkpoint has to name the places
that suit it, in its dewpoint.json, or the user in DEWPOINT_SHORT_CANVAS.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from inference.config import LARGEST_CONFIG
from inference.graphs.names import NAME_NOTE
from inference.model_config import SamplerDefaults
from trt_engines.files import read_json

SHORT_CANVAS_VARIABLE = "DEWPOINT_SHORT_CANVAS"
# 861 of 907 answers of the starter settle on 64 places in so many steps, and none of them is a long one cut short.
SHORT_STEPS = 8


def short_canvas(folder: Path, canvas_length: int) -> int:
    """Places of the canvas that answers of this checkpoint are tried on first; 0 where they are not.

    The variable goes before the checkpoint's note; what is no number of places below the whole canvas's counts as 0.
    """
    named = os.environ.get(SHORT_CANVAS_VARIABLE)
    if named is not None:
        return _places(int(named) if named.isascii() and named.isdigit() and len(named) < 9 else 0, canvas_length)
    try:
        note = read_json(folder / NAME_NOTE, LARGEST_CONFIG)
    except (OSError, ValueError):
        return 0
    return _places(note.get("short_canvas") if isinstance(note, dict) else None, canvas_length)


def short_settings(settings: SamplerDefaults, places: int, canvas_length: int) -> SamplerDefaults:
    """The sampler's values for a short canvas: places that are not there count as sure ones in the mean entropy."""
    threshold = settings.confidence_threshold * canvas_length / places
    return dataclasses.replace(settings, confidence_threshold=threshold)


def _places(value: object, canvas_length: int) -> int:
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 < value < canvas_length
    return value if whole and isinstance(value, int) else 0
