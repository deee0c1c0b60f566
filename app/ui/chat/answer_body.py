"""The rendered part of an answer: prose, code blocks, tables and formulas under each other.

An ordinary answer is there at once; a long one comes in pieces, over several turns of the event loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from PySide6.QtCore import QRect, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from app.chats.messages import FileSource
from app.ui.chat.code_block import CodeBlock
from app.ui.chat.flow_text import FlowText
from app.ui.chat.long_text import LongText
from app.ui.chat.markdown import Code, FormulaBlock, Plain, Prose, Rest, Segment, Table
from app.ui.chat.markdown_html import list_inset
from app.ui.chat.rest_text import RestText
from app.ui.chat.segment_fonts import fonts_of
from app.ui.chat.slices import SLICES, slices_from_markdown, weight_of
from app.ui.chat.table_text import FormulaText, TableText
from app.ui.chat.turns import TURN_UNITS, turns
from app.ui.widgets.font_search import FontSearch
from app.ui.widgets.look_later import in_view, pass_over, take_look
from app.ui.widgets.theme import Theme

_SPACING = 12
_GO_AT_ONCE = 40  # parts that are deleted in one turn
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
    """Shows one Markdown text; parts that stay the same keep their widget.

    Signals:
        place_wanted: A quote was clicked (a `FilePlace`).
    """

    place_wanted = Signal(object)

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self._segments: list[Segment] = []
        self._parts: list[_Part] = []
        self._source = ""
        self._sources: tuple[FileSource, ...] = ()
        self._anew = False  # parts that stay the same quote something else
        self._slices = SLICES
        self._search = FontSearch(())
        self._reader: Iterator[tuple[Segment, ...]] = iter(())
        self._waiting: list[Segment] = []
        self._done = 0  # parts that are as they should be
        self._focus_rest = False
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.setSpacing(_SPACING)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)

    def set_markdown(self, text: str, sources: tuple[FileSource, ...] = ()) -> None:
        """Show `text`: its beginning at once, the rest of a long one soon; what it quotes of `sources` is marked."""
        self._source, self._anew, self._sources = text, sources != self._sources, sources
        self._reader, self._waiting, self._done = slices_from_markdown(text, self._slices), [], 0
        self._search = FontSearch(())
        turns().begin(self, self._go_on)

    def _go_on(self) -> float:
        """Look for letters, read a slice, or show a segment; see `turns`."""
        if self._search.go_on():
            return 1.0
        if self._waiting:
            segment = self._waiting.pop(0)
            self._show_segment(self._done, segment)
            self._done += 1
            return _units(segment)
        found = next(self._reader, None)
        if found is not None:
            self._waiting, self._search = list(found), FontSearch(fonts_of(found, self._theme))
            return 1.0 + sum(map(_units, found)) / 2
        self._cut(self._done)
        if self._focus_rest and self._parts and isinstance(last := self._parts[-1], RestText):
            last.button.setFocus()
        self._focus_rest = False
        return 0.0

    def hold_layout(self) -> None:
        """See `FlowText`."""
        for part in self._parts:
            part.hold_layout()
            if isinstance(part, (LongText, RestText)) or not in_view(part):  # Qt goes over their lines at each step
                pass_over(_shown(part))

    def set_theme(self, theme: Theme) -> None:
        """New colours and sizes."""
        self._theme = theme
        take_look(self, set(map(_shown, self._parts)))
        old = list(zip(self._parts, self._segments, strict=True))
        old.sort(key=lambda pair: not in_view(pair[0]))  # what is seen comes first
        search = FontSearch(())

        def go_on() -> float:
            nonlocal search
            if search.go_on():
                return 1.0
            if not old:
                return 0.0
            part, segment = old[0]
            search = FontSearch(fonts_of((segment,), theme))
            if not search.done:
                return 1.0
            del old[0]
            if part in self._parts:
                self._dress(part)
            return 8.0

        turns().begin(self, go_on, "theme")

    def take_apart(self, end: Callable[[], None]) -> None:
        """Delete the parts, a few in each turn where there are many, and call `end` after that."""
        for name in ("", "theme"):
            turns().end(self, name)

        def go_on() -> float:
            if len(self._parts) <= _GO_AT_ONCE:
                end()
                return 0.0
            self._cut(len(self._parts) - _GO_AT_ONCE)
            return TURN_UNITS

        if len(self._parts) <= _GO_AT_ONCE:
            end()
        else:
            turns().add(self, go_on, "apart")

    def _dress(self, part: _Part) -> None:
        shown = _shown(part)
        take_look(shown)
        part.set_theme(self._theme)
        if isinstance(shown, FramedPart):
            shown.set_theme(self._theme)

    def on_more_requested(self) -> None:
        """Format more of a long answer."""
        self._slices += SLICES
        self._focus_rest = True
        self.set_markdown(self._source, self._sources)

    @property
    def parts(self) -> tuple[QWidget, ...]:
        """The widgets, in order, without what they stand in."""
        return tuple(self._parts)

    def _show_segment(self, index: int, segment: Segment) -> None:
        if index < len(self._parts):
            known = self._segments[index]
            if known == segment and not self._anew:
                return
            if known.frames == segment.frames and type(known.content) is type(segment.content):
                _show(self._parts[index], segment, self._sources)
                self._segments[index] = segment
                return
            self._cut(index)
        part = _KINDS[type(segment.content)](self._theme)
        _show(part, segment, self._sources)
        if isinstance(part, FlowText):
            part.place_wanted.connect(self.place_wanted)
        if isinstance(part, RestText):
            part.more_requested.connect(self.on_more_requested)
        self._parts.append(part)
        self._segments.append(segment)
        shown = FramedPart(part, segment.frames, self._theme) if segment.frames else part
        self._column.addWidget(shown)
        shown.show()

    def _cut(self, length: int) -> None:
        """Take away what follows the first `length` parts."""
        del self._segments[length:]
        while len(self._parts) > length:
            part = self._parts.pop()
            shown = _shown(part)
            self._column.removeWidget(shown)
            shown.hide()
            shown.setParent(None)
            shown.deleteLater()


def _shown(part: _Part) -> QWidget:
    """What stands in the column: a part, or what it stands in."""
    frame = part.parent()
    return frame if isinstance(frame, FramedPart) else part


def _units(segment: Segment) -> float:
    """What it takes to show a segment; see `turns`."""
    match segment.content:
        case Prose(blocks):
            return 2.0 + weight_of(blocks)
        case Code(text):
            return 10.0 + len(text) / 1_000
        case Table(_, rows):
            return 8.0 + 0.3 * sum(map(len, rows))
    return 8.0


def _show(part: _Part, segment: Segment, sources: tuple[FileSource, ...]) -> None:
    match part, segment.content:
        case CodeBlock(), Code() as code:
            part.set_code(code)
        case LongText(), Plain(text):
            part.set_content(text)
        case RestText(), Rest(text):
            part.set_content(text)
        case FlowText(), (Prose() | Table() | FormulaBlock()) as content:
            part.set_content(content, sources)
            part.setAccessibleName(_NAMES[type(content)])
