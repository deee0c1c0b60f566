"""The starter model ships with the program: the one checkpoint whose files the window's process reads itself."""

from __future__ import annotations

from app.base.paths import starter_model_folder
from inference.config import model_config_from_folder
from inference.errors import InferenceError
from inference.model_config import ModelConfig


def starter_config() -> ModelConfig | None:
    """Its configuration; None if the program's own files are damaged."""
    try:
        return model_config_from_folder(starter_model_folder())
    except InferenceError:
        return None


def starter_size() -> int:
    """Bytes of its files."""
    try:
        return sum(file.stat().st_size for file in starter_model_folder().iterdir() if file.is_file())
    except OSError:
        return 0
