"""Another look costs little at once, however much a chat shows.

Qt goes over every widget when the look changes, and an answer can have hundreds, most of them out of view. Those are
passed over, and take the look in a turn of their own; scroll bars that are hidden take it when they are shown.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from PySide6.QtCore import QEvent, Qt
from PySide6.QtWidgets import QAbstractScrollArea, QApplication, QWidget

_TAKEN = Qt.WidgetAttribute.WA_WState_Polished
_NOT_TOLD = Qt.WidgetAttribute.WA_SetStyle  # Qt tells of a look only widgets without a style of their own

_BARS = ("qt_scrollarea_vcontainer", "qt_scrollarea_hcontainer")  # Qt's names of what bars stand in


def in_view(widget: QWidget) -> bool:
    """Whether any of it is on the screen."""
    return not widget.visibleRegion().isEmpty()


def pass_over(widget: QWidget) -> None:
    """Before another look: a widget, with what is in it, gets the look by `take_look`."""
    for each in (widget, *widget.findChildren(QWidget)):
        each.setAttribute(_NOT_TOLD)
        each.setAttribute(_TAKEN, False)


def take_look(widget: QWidget, but: Collection[QWidget] = ()) -> None:
    """The look of now, for what was passed over of a widget and what is in it.

    Args:
        widget: Of which some was passed over, or nothing.
        but: What in it takes the look by itself.
    """
    style = QApplication.style()
    for each in _passed_over(widget, but):
        each.setAttribute(_NOT_TOLD, False)
        style.unpolish(each)
        style.polish(each)
        each.setAttribute(_TAKEN)
        QApplication.sendEvent(each, QEvent(QEvent.Type.StyleChange))


def _passed_over(widget: QWidget, but: Collection[QWidget]) -> Iterator[QWidget]:
    waiting = [widget]
    while waiting:
        each = waiting.pop()
        if each in but or (each.isHidden() and each.objectName() in _BARS):
            continue
        if each.testAttribute(_NOT_TOLD):
            yield each
        waiting += [child for child in each.children() if isinstance(child, QWidget)]


def pass_over_bars(area: QAbstractScrollArea) -> None:
    """Before another look: hidden bars of an area get it when they are shown, as any widget does the first time."""
    for bar in (area.verticalScrollBar(), area.horizontalScrollBar()):
        for widget in (bar, bar.parentWidget() or bar):
            widget.setAttribute(_NOT_TOLD, not widget.isVisible())
            if not widget.isVisible():
                widget.setAttribute(_TAKEN, False)
