"""What screen readers hear of an answer that is being written: whole sentences that have settled, each once."""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QWidget

from app.base.graphemes import ELLIPSIS

SPOKEN_SECONDS = 2.0
_SENTENCES = re.compile(r".*[.!?:\u3002\u061f\uff01](?=\s|$)", re.DOTALL)


class Spoken:
    """Says sentences of one widget.

    Args:
        widget: Whose text it is; its description is all that has settled.
        announce: Says a text aloud.
    """

    def __init__(self, widget: QWidget, announce: Callable[[str], None] | None = None) -> None:
        self._widget = widget
        self._announce = announce or self._announced
        self._said = ""  # of the block that is being written
        self._open = ""  # what the blocks before it left unsaid: a sentence that goes on in this one
        self._said_at = -math.inf

    def forget(self) -> None:
        """Another answer begins."""
        self._said = self._open = ""

    def begin(self) -> None:
        """Another block begins."""
        self._said = ""

    def say(self, text: Callable[[], str], now: float) -> None:
        """Say what is new of a block whose gaps are three dots; at most once in two seconds.

        Args:
            text: Makes the text; it is asked only when it is time.
            now: Seconds of a monotonic clock.
        """
        if now - self._said_at < SPOKEN_SECONDS:
            return
        self._said_at = now
        settled = text()
        self._widget.setAccessibleDescription(settled.strip())
        found = _SENTENCES.match(settled.partition(ELLIPSIS)[0])
        whole = found[0] if found is not None else ""
        bare = whole.lstrip()
        if bare == self._said or not bare.startswith(self._said):
            return  # what was said and melted again is not said twice
        self._say_new(bare[len(self._said) :] if self._said else whole)
        self._said = bare

    def finish(self, text: str, last: bool) -> None:
        """A block is final: say what was not said of it, or otherwise; the next one has the rest of an open sentence.

        Args:
            text: All of it.
            last: Whether nothing follows.
        """
        said, self._said = self._said, ""
        bare = text.lstrip()
        begin = len(said)
        if not bare.startswith(said):  # words that were said have melted since
            pairs = enumerate(zip(said, bare, strict=False))
            begin = _sentences(bare[: next((at for at, (old, new) in pairs if old != new), len(bare))])
        end = len(bare) if last else max(begin, _sentences(bare))
        lead = text[: len(text) - len(bare)]
        if last or end > begin:
            self._say_new(bare[begin:end] if begin else f"{lead}{bare[:end]}")
        self._open += bare[end:] if end else text

    def _say_new(self, text: str) -> None:
        new, self._open = f"{self._open}{text}".strip(), ""
        if new:
            self._announce(new)

    def _announced(self, text: str) -> None:
        if QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._widget, text))


def _sentences(text: str) -> int:
    """Where its last whole sentence ends."""
    found = _SENTENCES.match(text)
    return found.end() if found is not None else 0
