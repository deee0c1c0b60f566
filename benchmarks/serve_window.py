"""The window while programs ask its local server: `python benchmarks/serve_window.py [--clients 64] [--seconds 20]`.

The real window with the starter model, offscreen; the clients are a process of their own (`benchmarks/serve.py`). A
timer of 16 ms stands for the frames: how late each of them comes is what a frame would be late. Prints one JSON object;
the same without clients stands beside it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from PySide6.QtCore import QTimer  # noqa: E402
from PySide6.QtWidgets import QApplication  # noqa: E402

from app.base.paths import AppPaths  # noqa: E402
from app.main import build  # noqa: E402
from app.server.values import ServerPhase  # noqa: E402

FRAME_MS = 16
PORT = 18_777


class Frames:
    """How long the window's thread did not come to its frames."""

    def __init__(self) -> None:
        self.late: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(FRAME_MS)
        self._timer.timeout.connect(self.on_frame)
        self._timer.start()

    def on_frame(self) -> None:
        """One frame."""
        now = time.perf_counter()
        self.late.append(max(0.0, (now - self._last) * 1e3 - FRAME_MS))
        self._last = now

    def report(self) -> dict[str, float]:
        """Milliseconds: the median, the 95th percentile, the greatest."""
        late = sorted(self.late)
        self.late = []
        return {"median": late[len(late) // 2], "p95": late[len(late) * 95 // 100], "greatest": late[-1]}


def main() -> None:
    """Open the window, switch the server on, let the clients ask."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=20.0)
    options = parser.parse_args()
    application = QApplication([])
    with ExitStack() as stack:
        home = stack.enter_context(tempfile.TemporaryDirectory(prefix="dewpoint-", ignore_cleanup_errors=True))
        parts = build(application, AppPaths.resolve(home), stack, waits=False)
        parts.window.show()
        parts.controller.start()
        server = parts.controller.server
        parts.preferences.set(server_on=True, server_port=PORT, server_key="benchmark")
        while server.status.phase is not ServerPhase.ON or parts.controller.model.ready is None:
            application.processEvents()
        frames = Frames()
        _run(application, options.seconds / 4)
        quiet = frames.report()
        command = [sys.executable, str(ROOT / "benchmarks" / "serve.py"), "--against", server.status.address]
        command += ["--load", str(options.clients), "--seconds", str(options.seconds)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as clients:
            while clients.poll() is None:
                _run(application, 0.2)
            said = json.loads(clients.stdout.read()) if clients.stdout is not None else {}
        found = {"late_ms_quiet": quiet, "late_ms_under_load": frames.report(), "clients": said}
        parts.window.close()
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


def _run(application: QApplication, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        application.processEvents()
        time.sleep(0.001)


if __name__ == "__main__":
    main()
