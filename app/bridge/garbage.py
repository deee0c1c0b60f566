"""Python's garbage, collected in the window's thread alone.

A cycle that holds Qt objects is found by whichever thread happens to allocate. In a worker's thread PySide cannot
delete them: it leaves that to the window's thread, between any two lines of it, and by then their parents may have
deleted them already, which ends the process. So the collector does not run by itself while there is a window.
"""

from __future__ import annotations

import gc

from PySide6.QtCore import QObject, QTimer

INTERVAL_MS = 1000


def collect_young() -> None:
    """Collect what is youngest, if that is due: for work in the window's thread that leaves much in a moment.

    What a formula leaves, for one, would be a tenth of a second's work if it waited for the timer.
    """
    if not gc.isenabled() and gc.get_count()[0] > gc.get_threshold()[0]:
        gc.collect(0)


class GarbageCollector(QObject):
    """Does from a timer what Python would do from any thread, by Python's own thresholds."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        self._timer = QTimer(self)
        self._timer.setInterval(INTERVAL_MS)
        self._timer.timeout.connect(self.on_due)
        self._timer.start()

    def on_due(self) -> None:
        """Collect the oldest generation that is due."""
        due = [
            at for at, (count, most) in enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True)) if count > most
        ]
        if due:
            gc.collect(due[-1])

    def stop(self) -> None:
        """Leave it to Python again."""
        self._timer.stop()
        gc.enable()
