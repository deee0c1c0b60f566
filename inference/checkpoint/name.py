"""What the window calls a model."""

from __future__ import annotations

import re
from pathlib import Path

from inference.config import LARGEST_CONFIG
from inference.graphs.names import MODEL_NOTE, NAME_NOTE
from trt_engines.files import read_json

_CACHED = re.compile(r"models--(?P<owner>[^/]+?)--(?P<name>[^/]+)")
_LONGEST = 100  # characters of a name that a folder gives itself
_NAME_FILES = (NAME_NOTE, MODEL_NOTE, "config.json")


def model_name(folder: Path) -> str:
    """What the window calls a model: "display_name" of Dewpoint's notes or of config.json, else the folder's name."""
    for file_name in _NAME_FILES:
        try:
            value = read_json(folder / file_name, LARGEST_CONFIG)
        except (OSError, ValueError):
            continue  # a damaged file is reported where its content matters
        name = value.get("display_name") if isinstance(value, dict) else None
        if isinstance(name, str) and (words := name[: 10 * _LONGEST].split()):
            return " ".join(words)[:_LONGEST]
    return folder_name(folder)


def folder_name(folder: Path) -> str:
    """The folder's name; of a snapshot in the cache of Hugging Face, which is named by its commit, the repository's."""
    place = folder.resolve()
    cached = _CACHED.fullmatch(place.parent.parent.name)
    if cached and place.parent.name == "snapshots":
        return f"{cached['owner']}/{cached['name']}"
    return place.name
