"""Errors of the engine layer; like `inference.errors`, each carries what happened and what to do."""

from __future__ import annotations

GPU_EXTRA = "Install it in Model > Models \u2026, or with the command gpu install."


class EngineError(Exception):
    """Root of all errors raised on purpose by this package.

    Attributes:
        user_text: One sentence that says what happened.
        hint: One sentence that says what to do, or an empty string.
    """

    def __init__(self, user_text: str, hint: str = "") -> None:
        super().__init__(f"{user_text} {hint}".strip())
        self.user_text = user_text
        self.hint = hint


class WeightsError(EngineError):
    """Weight files are missing, damaged or not what the configuration says."""


class ExportError(EngineError):
    """Graphs could not be made or written."""


class BindingError(EngineError):
    """A graph does not fit the weights on disk."""
