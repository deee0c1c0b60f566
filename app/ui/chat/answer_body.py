"""The rendered part of an answer: prose, code blocks, tables and formulas under each other."""

from __future__ import annotations

from typing import TypeAlias

from PySide6.QtCore import QRect
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.ui.chat.code_block import CodeBlock
from app.ui.chat.flow_text import FlowText
from app.ui.chat.long_text import LongText
from app.ui.chat.markdown import Code, FormulaBlock, Plain, Prose, Rest, Segment, Table, segments_from_markdown
from app.ui.chat.markdown_html import list_inset
from app.ui.chat.rest_text import RestText
from app.ui.chat.table_text import FormulaText, TableText
from app.ui.widgets.theme import Theme

_SPACING = 12
_BAR, _BAR_ROOM = 3, 15
_Part: TypeAlias = CodeBlock | FlowText | LongText | RestText
_KINDS: dict[type, type[_Part]] = {
    Code: CodeBlock,
    Table: TableText,
    FormulaBlock: FormulaText,
    Plain: LongText,
    Rest: RestText,
    Prose: FlowText,
}

_NAMES: dict[type, str] = {Table: "Table", FormulaBlock: "Formula", Prose: "Answer text"}


class FramedPart(QWidget):
    """A part that stands in lists and quotes: moved in, with the bars of the quotes before it."""

    def __init__(self, part: QWidget, frames: tuple[str, ...], theme: Theme) -> None:
        super().__init__()
        self._frames = frames
        column = QVBoxLayout(self)
        column.addWidget(part)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.set_theme(theme)

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._color = theme.color("accent")
        self._steps = [list_inset(theme) if frame == "list" else _BAR_ROOM for frame in self._frames]
        layout = self.layout()
        if layout is not None:
            layout.setContentsMargins(sum(self._steps), 0, 0, 0)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the bars."""
        painter = QPainter(self)
        left = 0
        for frame, step in zip(self._frames, self._steps, strict=True):
            if frame == "quote":
                painter.fillRect(QRect(left, 0, _BAR, self.height()), self._color)
            left += step
        painter.end()


class AnswerBody(QWidget):
    """Shows one Markdown text; parts that stay the same keep their widget."""

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._segments: tuple[Segment, ...] = ()
        self._parts: list[_Part] = []
        self._source = ""
        self._slices = 1
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(_SPACING)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)

    def set_markdown(self, text: str) -> None:
        """Show `text`."""
        self._source = text
        segments = segments_from_markdown(text, self._slices)
        for index, segment in enumerate(segments):
            self._show_segment(index, segment)
        self._cut(len(segments))
        self._segments = segments

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        for part in self._parts:
            part.set_theme(theme)
            frame = part.parent()
            if isinstance(frame, FramedPart):
                frame.set_theme(theme)

    def on_more_requested(self) -> None:
        """Format more of a long answer, each time as much as takes no noticeable time."""
        self._slices += 1
        self.set_markdown(self._source)
        if isinstance(last := self._parts[-1], RestText):
            last.button.setFocus()

    @property
    def parts(self) -> tuple[QWidget, ...]:
        """The widgets, in order, without what they stand in."""
        return tuple(self._parts)

    def _show_segment(self, index: int, segment: Segment) -> None:
        if index < len(self._parts):
            known = self._segments[index]
            if known == segment:
                return
            if known.frames == segment.frames and type(known.content) is type(segment.content):
                _show(self._parts[index], segment)
                return
            self._cut(index)
        part = _KINDS[type(segment.content)](self._theme)
        _show(part, segment)
        if isinstance(part, RestText):
            part.more_requested.connect(self.on_more_requested)
        self._parts.append(part)
        shown = FramedPart(part, segment.frames, self._theme) if segment.frames else part
        self._column.addWidget(shown)
        shown.show()

    def _cut(self, length: int) -> None:
        """Take away what follows the first `length` parts."""
        while len(self._parts) > length:
            part = self._parts.pop()
            frame = part.parent()
            shown = frame if isinstance(frame, FramedPart) else part
            self._column.removeWidget(shown)
            shown.hide()
            shown.setParent(None)
            shown.deleteLater()


def _show(part: _Part, segment: Segment) -> None:
    match part, segment.content:
        case CodeBlock(), Code() as code:
            part.set_code(code)
        case LongText(), Plain(text):
            part.set_content(text)
        case RestText(), Rest(text):
            part.set_content(text)
        case FlowText(), (Prose() | Table() | FormulaBlock()) as content:
            part.set_content(content)
            part.setAccessibleName(_NAMES[type(content)])
