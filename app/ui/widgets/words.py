"""Words on buttons that many dialogs have."""

from __future__ import annotations

CANCEL = "Cancel"
CLOSE = "Close"
LICENCE = "Licence"
