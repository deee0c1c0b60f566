"""The settings that a command works with: read once, and changed by none.

A damaged file is told and stays where it is, for the window to set aside: somebody looks at the window.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from contextvars import ContextVar
from pathlib import Path

from app.base.settings import Settings
from app.base.settings_file import SettingsFile

_in_use: ContextVar[Settings] = ContextVar("settings_in_use")


@contextlib.contextmanager
def settings_read(path: Path) -> Iterator[Settings]:
    """The settings of the command in this block; what is wrong with the file is said on standard error."""
    loaded = SettingsFile(path).look()
    if loaded.notice:
        sys.stderr.write(loaded.notice + "\n")
    token = _in_use.set(loaded.settings)
    try:
        yield loaded.settings
    finally:
        _in_use.reset(token)


def settings_in_use() -> Settings:
    """What was read for the command that runs."""
    return _in_use.get()
