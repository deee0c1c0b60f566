"""A text that was copied is in the clipboard when the program ends, which ends well."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.helpers.waiting import WAIT_MS

SCRIPT = """
from PySide6.QtWidgets import QApplication
application = QApplication([])
from app.ui.chat.code_block import CodeText
from app.ui.chat.flow_text import FlowText
from app.ui.chat.large_edit import LargeEdit
from app.ui.chat.long_text import LongText
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.theme import Theme
theme = Theme(LIGHT, 1.0, 10.0)
text = {made}
text.{filled}
for _ in range(20):
    application.processEvents()
text.selectAll()
text.{done}()
data = application.clipboard().mimeData()
print(repr(data.text()), sorted(data.formats()))
"""
KINDS = {
    "message box": ("LargeEdit()", "setPlainText('two\\u00a0words')", "copy"),
    "message box, cut": ("LargeEdit()", "setPlainText('two\\u00a0words')", "cut"),
    "code": ("CodeText()", "setPlainText('two\\u00a0words')", "copy"),
    "long text": ("LongText(theme)", "set_content('two\\u00a0words')", "copy"),
    "answer": ("FlowText(theme)", "set_content('two\\u00a0words')", "copy"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_the_program_ends_well_with_a_copied_text_in_the_clipboard(kind: str) -> None:
    """It ended in a crash, of which the next start would have told."""
    made, filled, done = KINDS[kind]
    script = SCRIPT.format(made=made, filled=filled, done=done)
    ended = subprocess.run(
        [sys.executable, "-c", script], check=False, capture_output=True, text=True, timeout=WAIT_MS / 1000
    )
    formats = ["text/html", "text/plain"] if kind == "answer" else ["text/plain"]
    assert (ended.returncode, ended.stdout.strip()) == (0, f"'two\\xa0words' {formats}"), ended.stderr
