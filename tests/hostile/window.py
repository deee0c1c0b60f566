"""The real main window in a process of its own, which does what lines on its standard input say.

    python -m tests.hostile.window DATA_FOLDER

Each line is a JSON object: {"id", "do", ...}; `acts` has what can be done. The answer is one JSON object a line on what
was its standard output: what was said, what went wrong, the longest stall and the most memory. The last line that it
reads is empty. The module is imported again by the processes that the program starts, so it imports nothing heavy.
"""

from __future__ import annotations

import faulthandler
import os
import signal
import sys
import threading
from collections.abc import Callable


def main(base: str) -> int:
    """Do what is asked for until the input ends."""
    faulthandler.enable()
    if hasattr(faulthandler, "register"):
        faulthandler.register(signal.SIGUSR1, all_threads=True)  # a window that hangs says where
    replies = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    from PySide6.QtCore import QCoreApplication

    from app.main import new_application
    from tests.hostile.orders import Orders
    from tests.hostile.stage import Stage

    stage = Stage(new_application(), base)
    orders = Orders(stage, replies)
    threading.Thread(target=_read, args=(orders.arrived.emit,), name="orders", daemon=True).start()
    while not orders.over:  # a window that closes ends the event loop, and another one may follow
        QCoreApplication.exec()
    stage.close()
    return 0


def _read(emit: Callable[[str], None]) -> None:
    for line in sys.stdin:
        emit(line)
    emit("")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
