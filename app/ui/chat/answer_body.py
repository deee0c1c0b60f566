"""The rendered part of an answer: prose and code blocks under each other."""

from __future__ import annotations

from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.ui.chat.code_block import CodeBlock
from app.ui.chat.flow_text import FlowText
from app.ui.chat.markdown import Code, Prose, segments_from_markdown
from app.ui.widgets.theme import Theme

_SPACING = 12


class AnswerBody(QWidget):
    """Shows one Markdown text; parts that stay the same keep their widget."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._segments: list[Prose | Code] = []
        self._widgets: list[FlowText | CodeBlock] = []
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(_SPACING)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)

    def set_markdown(self, text: str) -> None:
        """Show `text`."""
        segments = segments_from_markdown(text)
        for index, segment in enumerate(segments):
            self._show_segment(index, segment)
        while len(self._widgets) > len(segments):
            self._remove(len(self._widgets) - 1)
        self._segments = segments

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        for widget in self._widgets:
            widget.set_theme(theme)

    @property
    def parts(self) -> tuple[QWidget, ...]:
        """The widgets, in order."""
        return tuple(self._widgets)

    def _show_segment(self, index: int, segment: Prose | Code) -> None:
        widget = self._widgets[index] if index < len(self._widgets) else None
        if widget is not None and self._segments[index] == segment:
            return
        if isinstance(segment, Code) and isinstance(widget, CodeBlock):
            widget.set_code(segment)
        elif isinstance(segment, Prose) and isinstance(widget, FlowText):
            widget.set_markdown(segment.text)
        else:
            while len(self._widgets) > index:
                self._remove(len(self._widgets) - 1)
            self._append(segment)

    def _append(self, segment: Prose | Code) -> None:
        widget: FlowText | CodeBlock
        if isinstance(segment, Code):
            widget = CodeBlock(segment, self._theme)
        else:
            widget = FlowText(self._theme)
            widget.set_markdown(segment.text)
            widget.setAccessibleName("Answer text")
        self._widgets.append(widget)
        self._column.addWidget(widget)
        widget.show()

    def _remove(self, index: int) -> None:
        widget = self._widgets.pop(index)
        self._column.removeWidget(widget)
        widget.hide()
        widget.setParent(None)
        widget.deleteLater()
