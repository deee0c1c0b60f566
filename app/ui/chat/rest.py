"""No frame shows messages whose layout has not come to rest: text over text, or an answer that is cut.

A text that gets another width takes another height. Qt tells that to what it stands in by an event for each level, and
paints in between. So what waits of these events is done before the window is painted.
"""

from __future__ import annotations

from PySide6.QtCore import QCoreApplication, QEvent, QObject
from PySide6.QtWidgets import QWidget

ROUNDS = 24  # in one go: more than there are levels, for height and width; one without events takes no time

_BEFORE_PAINT = frozenset({QEvent.Type.UpdateRequest, QEvent.Type.Expose, QEvent.Type.Paint})


class RestingPage(QWidget):
    """What the messages stand on; it comes to rest before its window is painted."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("chat_canvas")
        self._window: QWidget | None = None
        self._at_it = False

    def come_to_rest(self) -> None:
        """Do what waits of the layout, now."""
        if self._at_it:
            return
        self._at_it = True
        for _ in range(ROUNDS):  # each sends what has been posted before it
            QCoreApplication.sendPostedEvents(None, QEvent.Type.LayoutRequest)
        self._at_it = False

    # -- Qt ---------------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        """See what the window of the page is told."""
        if event.type() == QEvent.Type.Show and self._window is not self.window():
            self._window = self.window()
            for each in (self._window, self._window.windowHandle()):  # the system asks the second one, after a resize
                if each is not None:
                    each.installEventFilter(self)
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """The window is about to be painted."""
        if event.type() in _BEFORE_PAINT and self.isVisible():
            self.come_to_rest()
        return False
