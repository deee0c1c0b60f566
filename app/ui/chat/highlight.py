"""Colours of code: Pygments finds the tokens once, a QSyntaxHighlighter paints them in the colours of the theme.

Both is done in pieces (`app.ui.chat.turns`): the code is there at once, and its colours a moment later where there is
much of it. Some lexers take a time that grows with the square of what they read; what takes long stays without colours.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

from PySide6.QtGui import QFont, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from app.ui.chat.lexers import lexers
from app.ui.chat.turns import UNITS_A_SECOND, turns
from app.ui.widgets.theme import Theme

MAX_CHARACTERS = 30_000
LONGEST_LINE = 1_000  # of code that is coloured
MOST_SECONDS = 0.5  # of reading one code
READ_SECONDS = 0.005  # in one piece
_READ_TOKENS, _PAINTED_SPANS = 50, 150  # in one piece
# Name of the Pygments token type, from the most special to the most general, and the theme's colour for it.
_COLORS: tuple[tuple[str, str], ...] = (
    ("Comment", "syntax_comment"),
    ("Keyword.Type", "syntax_type"),
    ("Keyword", "syntax_keyword"),
    ("Operator.Word", "syntax_keyword"),
    ("Literal.String", "syntax_string"),
    ("Literal.Number", "syntax_number"),
    ("Name.Function", "syntax_name"),
    ("Name.Class", "syntax_type"),
    ("Name.Builtin", "syntax_type"),
    ("Name.Decorator", "syntax_name"),
    ("Name.Tag", "syntax_keyword"),
    ("Name.Attribute", "syntax_name"),
    ("Generic.Deleted", "danger"),
    ("Generic.Inserted", "syntax_string"),
    ("Generic.Heading", "syntax_name"),
)
Span = tuple[int, int, str]


def spans_from_code(code: str, language: str) -> Iterator[tuple[int, Span]]:
    """The coloured parts, each with the number of its line; nothing for an unknown language, or code of odd sizes."""
    lexer = lexers().get(language) if _has_colours(code, language) else None
    if lexer is None:
        return
    row, column = 0, 0
    for kind, text in lexer.get_tokens(code):
        color = _color_of(str(kind))
        for number, piece in enumerate(text.split("\n")):
            if number:
                row, column = row + 1, 0
            if piece:
                yield row, (column, len(piece), color)
            column += len(piece)


def _has_colours(code: str, language: str) -> bool:
    return bool(language) and len(code) <= MAX_CHARACTERS and max(map(len, code.split("\n"))) <= LONGEST_LINE


def _color_of(kind: str) -> str:
    name = kind.removeprefix("Token.")
    for prefix, color in _COLORS:
        if name == prefix or name.startswith(prefix + "."):
            return color
    return ""


class CodeHighlighter(QSyntaxHighlighter):
    """Paints the colours of one code block."""

    def __init__(self, document: QTextDocument, theme: Theme) -> None:
        super().__init__(document)
        self.setDocument(None)  # until there is something to colour
        self._document = document
        self._theme = theme
        self._reader: Iterator[tuple[int, Span]] | None = None
        self._rows: list[list[Span]] = []
        self._painted = 0  # rows
        self._seconds = 0.0
        self._styles: dict[str, QTextCharFormat] = {}
        self._awaited: tuple[str, str] | None = None  # code, and the language whose lexer is being made
        lexers().made.connect(self.on_lexer_made)

    def forget(self) -> None:
        """Other code comes: no colours until `colour` is called."""
        turns().end(self)
        self._reader, self._rows, self._painted, self._seconds, self._awaited = None, [], 0, 0.0, None
        self.setDocument(None)

    def colour(self, code: str, language: str) -> None:
        """Colour the code that is in the document now, as soon as the lexer of its language is there."""
        if not _has_colours(code, language):
            return
        if not lexers().has(language):
            self._awaited = code, language
            lexers().want(language)
            return
        self._reader = spans_from_code(code, language)
        turns().begin(self, self._go_on)

    def on_lexer_made(self, language: str) -> None:
        """Perhaps the one that is awaited."""
        if self._awaited is not None and self._awaited[1] == language:
            (code, _), self._awaited = self._awaited, None
            self.colour(code, language)

    def set_theme(self, theme: Theme) -> None:
        """The same colours in another look."""
        self._theme, self._painted, self._styles = theme, 0, {}
        if self._rows:
            turns().begin(self, self._go_on)

    def highlightBlock(self, text: str) -> None:
        """Called by Qt for each line."""
        row = self.currentBlock().blockNumber()
        if row >= self._painted or row >= len(self._rows):
            return
        for start, length, color in self._rows[row]:
            self.setFormat(start, length, self._style(color))

    def _go_on(self) -> float:
        """Read some tokens, or paint some rows; see `turns`."""
        if self._reader is not None:
            began = time.perf_counter()
            self._reader = self._read(self._reader, began)
            took = time.perf_counter() - began
            self._seconds += took
            if self._seconds > MOST_SECONDS:
                self._reader = None
            return 1.0 + took * UNITS_A_SECOND
        if self._painted >= len(self._rows):
            return 0.0
        return self._paint()

    def _read(self, reader: Iterator[tuple[int, Span]], began: float) -> Iterator[tuple[int, Span]] | None:
        while time.perf_counter() - began < READ_SECONDS:
            found = list(islice(reader, _READ_TOKENS))
            for row, span in found:
                if span[2]:
                    self._rows.extend([] for _ in range(row + 1 - len(self._rows)))
                    self._rows[row].append(span)
            if len(found) < _READ_TOKENS:
                return None
        return reader

    def _paint(self) -> float:
        if self.document() is None:
            self.setDocument(self._document)
            self.rehighlight()  # asks for every line, none of which has a colour yet; else Qt does that later
        spans = 0
        while self._painted < len(self._rows) and spans < _PAINTED_SPANS:
            spans += 1 + len(self._rows[self._painted])
            self._painted += 1
            self.rehighlightBlock(self._document.findBlockByNumber(self._painted - 1))
        return 1.0 + spans / 10

    def _style(self, color: str) -> QTextCharFormat:
        if color not in self._styles:
            style = self._styles[color] = QTextCharFormat()
            style.setForeground(self._theme.color(color))
            if color == "syntax_comment":
                style.setFontItalic(True)
            elif color == "syntax_keyword":
                style.setFontWeight(QFont.Weight.DemiBold)
        return self._styles[color]
