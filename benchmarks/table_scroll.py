"""How long a table over 200 files takes to be scrolled: `python benchmarks/table_scroll.py`; fails above 16 ms.

Processor time of the window's thread for each of 200 steps of the scrollbar, painted offscreen; half the cells filled.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtWidgets import QApplication  # noqa: E402

from app.base.paths import AppPaths  # noqa: E402
from app.chats.tables.values import TableCell, TableQuestion  # noqa: E402
from app.main import build  # noqa: E402
from app.ui.chat.tables.dialog import TablesDialog  # noqa: E402

FILES, QUESTIONS, STEPS = 200, 8, 200
LIMIT_MS = 16.0


def main() -> int:
    """Print the figures; 1 if they are above the limit."""
    app = QApplication([])
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        parts = build(app, AppPaths.resolve(folder), stack, backend="fake")
        tables = parts.controller.tables
        tables.create("Letters")
        tables.set_questions([TableQuestion(str(at), f"Question {at}", "Is it so?") for at in range(QUESTIONS)])
        tables.add_files([Path(f"/letters/a letter with a long name {number}.pdf") for number in range(FILES)])
        assert tables.table is not None
        cell = TableCell("yes", 0.97, (("no", 0.03),), model="Starter")
        for file in tables.table.files[::2]:
            parts.store.tables.set_cells(file.id, {str(at): cell for at in range(QUESTIONS)})
        tables.open(tables.table.id)
        dialog = TablesDialog(tables, parts.themes.theme, parts.window)
        dialog.show()
        app.processEvents()
        bar, spent = dialog.grid.verticalScrollBar(), []
        for step in range(STEPS):
            begun = time.thread_time()
            bar.setValue(bar.maximum() * step // STEPS)
            dialog.grid.viewport().repaint()
            spent.append(1000 * (time.thread_time() - begun))
        parts.window.close()
    spent.sort()
    median, most = spent[STEPS // 2], spent[STEPS * 95 // 100]
    print(f"{FILES} files, {QUESTIONS} questions: median {median:.1f} ms, 95 % {most:.1f} ms")
    return int(most > LIMIT_MS)


if __name__ == "__main__":
    sys.exit(main())
