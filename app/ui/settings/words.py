"""Labels and sentences of the settings dialog (those of each setting: `app.base.settings`)."""

from __future__ import annotations

from collections.abc import Sequence

SETTINGS = "Settings"
DEFAULTS = "Restore defaults"
DEFAULTS_TITLE = "Restore the defaults?"


def defaults_detail(titles: Sequence[str]) -> str:
    """What changes."""
    return f"These settings go back to how they were at first: {', '.join(titles)}. Chats and models stay as they are."
