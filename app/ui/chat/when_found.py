"""Show a text when its letters have been looked for in the fonts (see `app.ui.widgets.font_search`)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject
from PySide6.QtGui import QFont

from app.ui.chat.turns import turns
from app.ui.widgets.font_search import FontSearch


def when_found(owner: QObject, wanted: Sequence[tuple[QFont, str]], show: Callable[[], None]) -> None:
    """Call `show` when letters have been looked for: nearly always before this returns.

    Args:
        owner: Whose text it is; what it waited to show before is shown no longer.
        wanted: Fonts, and the text that is shown in each.
        show: Shows it.
    """
    search = FontSearch(wanted)
    turns().end(owner, "letters")
    if search.done:
        show()
        return

    def go_on() -> float:
        if search.go_on():
            return 1.0
        show()
        return 0.0

    turns().begin(owner, go_on, "letters")
