"""Markdown: what is shown, and what is never loaded."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QGuiApplication, QTextDocument
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.code_block import CodeBlock
from app.ui.chat.flow_text import FlowText
from app.ui.chat.highlight import spans_from_code
from app.ui.chat.markdown import (
    Code,
    Heading,
    ListBlock,
    Paragraph,
    Prose,
    Quote,
    Rule,
    Table,
    blocks_from_markdown,
    html_from_inline,
    html_from_markdown,
)
from app.ui.chat.markdown import segments_from_markdown as segments
from app.ui.widgets.colours import DARK, LIGHT
from app.ui.widgets.theme import Theme

THEME = Theme(LIGHT, 1.0, 10.0)
ALLOWED_TAGS = {"b", "i", "s", "a", "br", "span"}


def test_fences_are_cut_out() -> None:
    text = "Before\n\n```python\nx = 1\n\n```\nAfter\n~~~\nplain\n"
    assert segments(text) == [
        Prose("Before"),
        Code("x = 1\n", "python"),
        Prose("After"),
        Code("plain\n", "", closed=False),
    ]


def test_blocks() -> None:
    text = "## Title\nline one\nline two\n\n---\n> quoted\n> more\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n"
    assert blocks_from_markdown(text) == (
        Heading(2, "Title"),
        Paragraph("line one\nline two"),
        Rule(),
        Quote((Paragraph("quoted\nmore"),)),
        Table(("left", "right"), (("a", "b"), ("1", "2"))),
    )


def test_nested_lists() -> None:
    blocks = blocks_from_markdown("3. three\n   - inner\n   - other\n4. four\n")
    assert blocks == (
        ListBlock(
            3,
            (
                (Paragraph("three"), ListBlock(None, ((Paragraph("inner"),), (Paragraph("other"),)))),
                (Paragraph("four"),),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("**bold** and *it*", "<b>bold</b> and <i>it</i>"),
        ("snake_case_name stays", "snake_case_name stays"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("<b>literal</b>", "&lt;b&gt;literal&lt;/b&gt;"),
        ("![alt](http://x.example/p.png)", "<i>alt</i>"),
        ("![alt][ref]", "<i>alt</i>"),
        ("\\*not\\*", "*not*"),
        ("\\(a_b \\cdot c_d\\)", "\\(a_b \\cdot c_d\\)"),
        ("[x](javascript:alert)", "[x](javascript:alert)"),
        ("[x](https://a.example/b_c_d)", '<a href="https://a.example/b_c_d">x</a>'),
        ("see https://a.example/b_c.", 'see <a href="https://a.example/b_c">https://a.example/b_c</a>.'),
        ("one\ntwo", "one<br/>two"),
        ("~~gone~~", "<s>gone</s>"),
    ],
)
def test_inline(source: str, expected: str) -> None:
    assert html_from_inline(source) == expected


def test_inline_code_is_left_alone() -> None:
    assert html_from_inline("`**x** <i>`", "S") == '<span style="S">**x** &lt;i&gt;</span>'


@given(st.text(max_size=300))
def test_any_text_is_safe(text: str) -> None:
    html = html_from_inline(text)
    assert set(re.findall(r"</?([a-zA-Z]+)", html)) <= ALLOWED_TAGS
    assert all(re.match(r"(?i)https?:|mailto:", target) for target in re.findall(r'href="([^"]*)', html))


@given(st.text(alphabet="#>-*_`|[]()! \n\tab1.<:/~\\", max_size=200))
def test_any_markdown_can_be_parsed(text: str) -> None:
    html = html_from_markdown(text, THEME)
    assert "<img" not in html
    segments(text)


def test_deep_nesting_ends() -> None:
    assert html_from_markdown(">" * 2000 + " deep", THEME)
    assert html_from_markdown("\n".join("  " * depth + "- x" for depth in range(200)), THEME)


class AskedDocument(QTextDocument):
    """Counts what it is asked to load."""

    asked: list[str]

    def loadResource(self, type: int, name: QUrl | str) -> object:
        """Note the name."""
        self.asked.append(QUrl(name).toString())
        return None


def test_nothing_remote_is_ever_requested(qapp: QApplication) -> None:
    source = (
        "![one](http://a.example/1.png) ![two][r] <img src='http://b.example/2.png'>\n\n"
        "[r]: http://c.example/3.png\n\n| ![t](http://d.example/4.png) |\n|---|\n| x |\n\n"
        "<link rel=stylesheet href='http://e.example/5.css'><style>@import url(http://f.example)</style>"
    )
    document = AskedDocument()
    document.asked = []
    document.setHtml(html_from_markdown(source, THEME))
    document.setTextWidth(400)
    document.documentLayout().documentSize()
    assert document.asked == []


def test_a_link_opens_outside_and_only_after_a_click(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    text = FlowText(THEME)
    qtbot.addWidget(text)
    text.set_markdown("[docs](https://docs.example/x)")
    assert opened == []
    text.anchorClicked.emit(QUrl("https://docs.example/x"))
    text.anchorClicked.emit(QUrl("file:///etc/passwd"))
    assert opened == ["https://docs.example/x"]
    assert text.toPlainText() == "docs"


def test_the_height_follows_the_text(qtbot: QtBot) -> None:
    text = FlowText(THEME)
    qtbot.addWidget(text)
    text.resize(400, 10)
    text.show()
    text.set_markdown("short")
    short = text.height()
    text.set_markdown("word " * 400)
    assert text.height() > 5 * short
    wide = text.height()
    text.resize(800, text.height())
    assert text.height() < wide


def test_code_blocks_keep_their_source(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    body.set_markdown("Text\n\n```py\ndef f():\n\treturn  1\n```\n\nEnd")
    code = body.parts[1]
    assert isinstance(code, CodeBlock)
    code._copy.click()
    assert QGuiApplication.clipboard().text() == "def f():\n\treturn  1"
    assert code.findChild(QPlainTextEdit).accessibleName() == "Python code"
    code._copy._back.stop()


def test_growing_answers_keep_their_widgets(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    body.set_markdown("One\n\n```py\nx\n```")
    before = body.parts
    body.set_markdown("One\n\n```py\nx\n```\n\nTwo")
    assert body.parts[:2] == before
    assert len(body.parts) == 3
    body.set_markdown("Other")
    assert len(body.parts) == 1


def test_highlighting() -> None:
    spans = spans_from_code("def f():\n    return 'x'  # why", "python")
    assert (0, 3, "syntax_keyword") in spans[0]
    assert {color for _, _, color in spans[1]} == {"syntax_keyword", "syntax_string", "syntax_comment"}
    assert spans_from_code("x", "no-such-language") == [[]]
    assert spans_from_code("a\nb", "") == [[], []]


def test_colours_follow_the_theme(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    body.set_markdown("Text with `code`\n\n```python\nreturn 1\n```")
    body.set_theme(Theme(DARK, 1.0, 10.0))
    html = html_from_markdown("`code`", Theme(DARK, 1.0, 10.0))
    assert DARK.code_header in html
