"""What a text gives to the clipboard, where it is not what Qt takes for it.

The data is Qt's own object, with another text: one that was made here and is still in the clipboard when the program
ends is freed twice, and the program crashes.
"""

from __future__ import annotations

from PySide6.QtCore import QMimeData


def copied_as(made: QMimeData, text: str, html: str = "") -> QMimeData:
    """Qt's own data of what is selected, holding this text, and this HTML if there is any."""
    made.text()  # Qt makes its own when it is asked for the first time, and never again
    made.clear()
    made.setText(text)
    if html:
        made.setHtml(html)
    return made
