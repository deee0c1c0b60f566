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
        self._said = ""
        self._said_at = -math.inf

    def forget(self) -> None:
        """Another answer begins."""
        self._said = ""

    def say(self, text: Callable[[], str], now: float) -> None:
        """Say what is new of a text whose gaps are three dots; at most once in two seconds.

        Args:
            text: Makes the text; it is asked only when it is time.
            now: Seconds of a monotonic clock.
        """
        if now - self._said_at < SPOKEN_SECONDS:
            return
        self._said_at = now
        settled = text()
        self._widget.setAccessibleDescription(settled)
        whole = _SENTENCES.match(settled.partition(ELLIPSIS)[0])
        if whole is None or whole[0] == self._said or not whole[0].startswith(self._said):
            return  # what was said and melted again is not said twice
        new, self._said = whole[0][len(self._said) :].strip(), whole[0]
        if new:
            self._announce(new)

    def _announced(self, text: str) -> None:
        if QAccessible.isActive():
            QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self._widget, text))
