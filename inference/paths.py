"""What a path must be, whatever lies there; nothing is read."""

from __future__ import annotations

from pathlib import Path

from inference.errors import ModelFolderError


def refuse_undecodable(folder: Path) -> None:
    """Tokenizer and runtime take paths as text, and the list of models holds text.

    Raises:
        ModelFolderError: The name of a folder on the path is no UTF-8.
    """
    try:
        str(folder.absolute()).encode("utf-8")
    except UnicodeEncodeError as exc:
        raise ModelFolderError(
            f"The path {folder} holds bytes that are no text in UTF-8.", "Rename that folder, and choose it again."
        ) from exc
