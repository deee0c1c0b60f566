"""Words on buttons that many dialogs have."""

from __future__ import annotations

CANCEL = "Cancel"
CLOSE = "Close"
COPY = "Copy"
SELECT_ALL = "Select all"
LICENCE = "Licence"


def folder_gone(folder: object) -> str:
    """A folder that was to be shown."""
    return f"The folder {folder} is not there."


def folder_not_opened(folder: object) -> str:
    """No program shows folders."""
    return f"No file manager could be started. The folder is {folder}"


def file_not_opened(file: object) -> str:
    """It is not there, or no program shows such files."""
    return f"No program could be started that shows the file {file}"


def page_not_opened(address: str) -> str:
    """No program shows pages."""
    return f"No browser could be started. The page is {address}"
