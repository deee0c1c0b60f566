"""The root of all errors that are raised on purpose, and those of the engine layer.

Every error a user can meet carries two plain sentences: what happened, and what to do. `inference.errors` and
`app.base.errors` derive their own families from the same root, so that one place turns any of them into a report.
"""

from __future__ import annotations

from typing import ClassVar

from trt_engines.streams import escaped

GPU_EXTRA = "Install it in Model > Models \u2026, or with the command gpu install."
_LONGEST = 1200  # characters of a sentence, most of which may be a path


class DewpointError(Exception):
    """Root of all errors that this program raises on purpose.

    Attributes:
        user_text: One sentence that says what happened.
        hint: One sentence that says what to do, or an empty string.
        detail: What a library said, in its own words, for whoever wants to know; may have many lines.
        known: Whether the environment is to blame (a damaged file, no memory, a wrong folder); else it is our bug.
    """

    known: ClassVar[bool] = False

    def __init__(self, user_text: str, hint: str = "", detail: str = "") -> None:
        user_text, hint = _short(user_text), _short(hint)
        super().__init__(f"{user_text} {hint}".strip())
        self.user_text = user_text
        self.hint = hint
        self.detail = escaped(detail)

    def __reduce__(self) -> tuple[type[DewpointError], tuple[str, str, str]]:
        """Pickle by what it says, so that the error can cross a process border."""
        return type(self), (self.user_text, self.hint, self.detail)


def _short(text: str) -> str:
    """A sentence may quote what a stranger wrote: names of a million characters, and what steers a terminal."""
    text = escaped(text[:_LONGEST])
    return text if len(text) < _LONGEST else f"{text[: _LONGEST - 1]}\u2026"


class EngineError(DewpointError):
    """Root of all errors raised on purpose by this package."""

    known = True


class WeightsError(EngineError):
    """Weight files are missing, damaged or not what the configuration says."""


class ExportError(EngineError):
    """Graphs could not be made or written."""


class BindingError(EngineError):
    """A graph does not fit the weights on disk."""
