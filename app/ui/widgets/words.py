"""Words on buttons that many dialogs have."""

from __future__ import annotations

CANCEL = "Cancel"
CLOSE = "Close"
COPY = "Copy"
SELECT_ALL = "Select all"
LICENCE = "Licence"
