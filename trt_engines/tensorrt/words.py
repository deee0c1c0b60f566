"""What TensorRT says of itself: kept, so that a refusal can be read in its own words."""

from __future__ import annotations

from collections import deque
from typing import Any

_KEPT, _LONGEST = 8, 500  # messages, and characters of one


def listening_logger(trt: Any) -> Any:
    """A logger for `Builder` and `Runtime`; its `said()` is what went wrong last, "" if nothing has since then.

    It must live as long as everything that was made with it.
    """

    class Words(trt.ILogger):  # type: ignore[misc]
        """Keeps errors and warnings."""

        def __init__(self) -> None:
            trt.ILogger.__init__(self)
            self._lines: deque[str] = deque(maxlen=_KEPT)

        def log(self, severity: Any, msg: str) -> None:
            if severity <= trt.ILogger.WARNING:
                self._lines.append(f"{severity.name}: {msg.strip()[:_LONGEST]}")

        def said(self) -> str:
            words = "\n".join(self._lines)
            self._lines.clear()
            return words

    return Words()
