"""Colours of code: Pygments finds the tokens once, a QSyntaxHighlighter paints them in the colours of the theme."""

from __future__ import annotations

from PySide6.QtGui import QFont, QSyntaxHighlighter, QTextCharFormat, QTextDocument

from app.ui.widgets.theme import Theme

MAX_CHARACTERS = 30_000
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


def spans_from_code(code: str, language: str) -> list[list[Span]]:
    """Start, length and colour name of the coloured parts of each line; empty lists for an unknown language."""
    lines: list[list[Span]] = [[] for _ in range(code.count("\n") + 1)]
    if not language or len(code) > MAX_CHARACTERS:
        return lines
    # Imported here: a chat without code needs no lexers, and the window is there sooner.
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return lines
    row, column = 0, 0
    for kind, text in lexer.get_tokens(code):
        color = _color_of(str(kind))
        for number, piece in enumerate(text.split("\n")):
            if number:
                row, column = row + 1, 0
            if color and piece and row < len(lines):
                lines[row].append((column, len(piece), color))
            column += len(piece)
    return lines


def _color_of(kind: str) -> str:
    name = kind.removeprefix("Token.")
    for prefix, color in _COLORS:
        if name == prefix or name.startswith(prefix + "."):
            return color
    return ""


class CodeHighlighter(QSyntaxHighlighter):
    """Paints the spans of one code block."""

    def __init__(self, document: QTextDocument, theme: Theme) -> None:
        super().__init__(document)
        self.setDocument(None)  # until there is something to colour
        self._document = document
        self._theme = theme
        self._spans: list[list[Span]] = []

    def set_spans(self, spans: list[list[Span]], theme: Theme) -> None:
        """New spans, or new colours for them."""
        self._spans, self._theme = spans, theme
        wanted = self._document if any(spans) else None  # Qt asks for every line, also where no line has a colour
        if self.document() is not wanted:
            self.setDocument(wanted)
        if wanted is not None:
            self.rehighlight()

    def highlightBlock(self, text: str) -> None:
        """Called by Qt for each line."""
        row = self.currentBlock().blockNumber()
        if row >= len(self._spans):
            return
        for start, length, color in self._spans[row]:
            style = QTextCharFormat()
            style.setForeground(self._theme.color(color))
            if color == "syntax_comment":
                style.setFontItalic(True)
            elif color == "syntax_keyword":
                style.setFontWeight(QFont.Weight.DemiBold)
            self.setFormat(start, length, style)
