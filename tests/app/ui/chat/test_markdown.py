"""Markdown: what is read, what is shown, and what is never loaded."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from PySide6.QtCore import QPoint, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QFontMetricsF, QGuiApplication, QTextCursor, QTextDocument
from PySide6.QtWidgets import QApplication, QPlainTextEdit
from pytestqt.qtbot import QtBot

from app.base.markdown_rules import is_readable
from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.code_block import CodeBlock
from app.ui.chat.flow_text import FlowText
from app.ui.chat.highlight import LONGEST_LINE, spans_from_code
from app.ui.chat.long_text import LongText
from app.ui.chat.markdown import (
    Block,
    Code,
    FormulaBlock,
    Heading,
    Inline,
    Item,
    Line,
    ListBlock,
    Paragraph,
    Plain,
    Prose,
    Quote,
    Rest,
    Rule,
    Segment,
    Table,
    blocks_from_markdown,
    plain_from_line,
)
from app.ui.chat.markdown_html import MarkdownHtml
from app.ui.chat.slices import MAX_CHARACTERS, MAX_LINES, SLICES
from app.ui.chat.table_text import TableText
from app.ui.widgets.colours import DARK, LIGHT
from app.ui.widgets.theme import Theme
from tests.helpers.segments import segments_from_markdown
from tests.helpers.turns import show_markdown
from tests.helpers.waiting import WAIT_MS

THEME = Theme(LIGHT, 1.0, 10.0)
ALLOWED_TAGS = {"b", "i", "s", "a", "br", "span", "sup"}
SPEC = json.loads((Path(__file__).parent / "commonmark" / "spec-0.31.2.json").read_text("utf-8"))


def text(source: str) -> Line:
    """A line without looks."""
    return (Inline("text", source),)


def contents(source: str) -> list[object]:
    """What the widgets of an answer show."""
    return [segment.content for segment in segments_from_markdown(source)]


def html_of(source: str, theme: Theme = THEME) -> str:
    """The HTML of all prose and tables; formulas stay as they were written."""
    maker = MarkdownHtml(theme, lambda wanted: None)
    parts = contents(source)
    return "".join(
        maker.prose(part) if isinstance(part, Prose) else maker.table(part) if isinstance(part, Table) else ""
        for part in parts
    )


def inline_html(source: str) -> str:
    """The HTML of a paragraph's line."""
    block = blocks_from_markdown(source)[0]
    assert isinstance(block, Paragraph)
    return MarkdownHtml(THEME, lambda wanted: None).line(block.line)


def plain(source: str) -> str:
    """What is read of one paragraph, without its looks."""
    (block,) = blocks_from_markdown(source)
    assert isinstance(block, Paragraph)
    return plain_from_line(block.line)


# -- CommonMark --------------------------------------------------------------------------------------------------------


def outline(block: Block) -> object:
    """Kinds of a block and of what stands in it."""
    match block:
        case Heading(level, _):
            return f"h{level}"
        case Quote(blocks):
            return ["blockquote", *map(outline, blocks)]
        case ListBlock(start, items, tight):
            kind = "ul" if start is None else f"ol {start}"
            return [kind, tight, *[[outline(inner) for inner in item.blocks] for item in items]]
        case Code(content, language):
            return ("code", content, language)
        case Rule():
            return "hr"
    return "p"


def expected_outline(node: SyntaxTreeNode) -> object:
    """The same of markdown-it's own tree."""
    match node.type:
        case "heading":
            return node.tag
        case "blockquote":
            return ["blockquote", *map(expected_outline, node.children)]
        case "bullet_list" | "ordered_list":
            kind = "ul" if node.type == "bullet_list" else f"ol {node.attrs.get('start', 1)}"
            inner = [child for item in node.children for child in item.children if child.type == "paragraph"]
            tight = all(child.hidden for child in inner)
            return [kind, tight, *[[expected_outline(inner) for inner in item.children] for item in node.children]]
        case "fence" | "code_block":
            language = (node.info.split() or [""])[0] if node.type == "fence" else ""
            return ("code", node.content.removesuffix("\n"), language)
        case "hr":
            return "hr"
    return "p"


@pytest.mark.parametrize("example", SPEC, ids=lambda example: str(example["example"]))
def test_the_tree_is_that_of_the_specification(example: dict[str, str]) -> None:
    root = SyntaxTreeNode(MarkdownIt("commonmark", {"html": False}).parse(example["markdown"]))
    blocks = blocks_from_markdown(example["markdown"])
    assert [outline(block) for block in blocks] == [expected_outline(node) for node in root.children]


def test_every_example_of_the_specification_is_shown(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    body.resize(600, 400)
    body.show()
    for example in SPEC:
        show_markdown(body, example["markdown"])
        assert bool(body.parts) == bool(contents(example["markdown"]))
    show_markdown(body, "\n\n".join(example["markdown"] for example in SPEC))
    assert len(body.parts) > 20


# -- blocks ------------------------------------------------------------------------------------------------------------


def test_code_is_cut_out() -> None:
    assert contents("Before\n\n```python\nx = 1\n\n```\nAfter\n~~~\nplain\n") == [
        Prose((Paragraph(text("Before")),)),
        Code("x = 1\n", "python"),
        Prose((Paragraph(text("After")),)),
        Code("plain", "", closed=False),
    ]


def test_blocks() -> None:
    source = "## Title\nline one\nline two\n\n---\n> quoted\n> more\n\n| a | b |\n|:--|--:|\n| 1 | 2 |\n"
    two = (Inline("text", "quoted"), Inline("break"), Inline("text", "more"))
    assert blocks_from_markdown(source) == (
        Heading(2, text("Title")),
        Paragraph((Inline("text", "line one"), Inline("break"), Inline("text", "line two"))),
        Rule(),
        Quote((Paragraph(two),)),
        Table(("left", "right"), ((text("a"), text("b")), (text("1"), text("2")))),
    )


def test_code_in_a_list_is_a_widget_and_the_numbers_go_on() -> None:
    source = "3. three\n4. four\n   ```py\n   x\n   ```\n   more\n5. five\n"
    assert segments_from_markdown(source) == (
        Segment(Prose((ListBlock(3, (Item((Paragraph(text("three")),)), Item((Paragraph(text("four")),)))),))),
        Segment(Code("x", "py"), ("list",)),
        Segment(
            Prose((ListBlock(5, (Item((Paragraph(text("more")),), marked=False), Item((Paragraph(text("five")),)))),))
        ),
    )


def test_code_indented_inside_an_item_can_be_copied_and_scrolls(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    body.resize(500, 300)
    body.show()
    show_markdown(body, "- an item\n\n      " + "x = 1; " * 300 + "\n\n- and\n  - deeper\n\n        y\n")
    blocks = [part for part in body.parts if isinstance(part, CodeBlock)]
    assert [block.source()[:5] for block in blocks] == ["x = 1", "y"]
    bar = blocks[0].findChild(QPlainTextEdit).horizontalScrollBar()
    qtbot.waitUntil(lambda: bar.maximum() > 0, timeout=WAIT_MS)
    assert bar.isVisible()
    assert blocks[0].width() < 500
    assert 0 < blocks[0].x() < blocks[1].x()


def test_code_in_a_quote_keeps_its_bar() -> None:
    assert segments_from_markdown("> a\n> ```\n> b\n> ```\n") == (
        Segment(Prose((Quote((Paragraph(text("a")),)),))),
        Segment(Code("b"), ("quote",)),
    )


def test_a_task_shows_its_box_and_no_bullet(qtbot: QtBot) -> None:
    (block,) = blocks_from_markdown("- [ ] open\n- [x] **done**\n- plain\n")
    assert isinstance(block, ListBlock)
    assert [item.task for item in block.items] == [False, True, None]
    shown = html_of("- [ ] open\n- [x] **done**\n- plain\n")
    unmarked, _, marked = shown.partition("</ul>")
    assert "list-style-type:none" in unmarked
    assert "list-style-type:none" not in marked
    assert "\u2610 open" in unmarked
    assert "\u2611 <b>done</b>" in unmarked
    document = QTextDocument()
    document.setHtml(shown)
    styles = [
        document.findBlock(document.find(word).position()).textList().format().style() for word in ("open", "plain")
    ]
    assert styles[0] != styles[1]


def test_footnotes() -> None:
    paragraph, notes = blocks_from_markdown("a[^x] b\n\n[^x]: the note\n")
    assert paragraph == Paragraph((Inline("text", "a"), Inline("note", "1"), Inline("text", " b")))
    assert notes == ListBlock(1, (Item((Paragraph(text("the note")),)),))


def test_breaks_and_entities_in_cells() -> None:
    (table,) = blocks_from_markdown("| a |\n|---|\n| 1<br>2<BR />3 &amp; &euro; <b>x</b> `<br>` |\n")
    assert isinstance(table, Table)
    assert plain_from_line(table.rows[1][0]) == "1\n2\n3 & \u20ac <b>x</b> <br>"
    assert plain("1<br>2 &copy;") == "1<br>2 \u00a9"  # only in cells: elsewhere a line can be broken


def test_a_wide_table_scrolls_and_keeps_its_words(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    body.resize(420, 300)
    body.show()
    words = ["internationalisation", "communication", "considerable"] * 4
    show_markdown(body, "\n".join("|" + "|".join(row) + "|" for row in (words, ["---"] * 12, words)))
    (table,) = body.parts
    assert isinstance(table, TableText)
    qtbot.waitUntil(lambda: table.horizontalScrollBar().maximum() > 0, timeout=WAIT_MS)
    lines = {word: 0 for word in words}
    block = table.document().begin()
    while block.isValid():
        if block.text():
            lines[block.text()] = max(lines[block.text()], block.layout().lineCount())
        block = block.next()
    assert set(lines.values()) == {1}
    assert table.width() <= 420
    body.resize(4000, 300)
    qtbot.waitUntil(lambda: table.horizontalScrollBar().maximum() == 0, timeout=WAIT_MS)


@pytest.mark.parametrize("source", ["10. a", "99. a\n100. b", "- a\n\n  12345. b", "1. 999999999. a", "100. \u05d0"])
def test_numbers_of_any_length_have_room(qtbot: QtBot, source: str) -> None:
    """Those of three digits were cut off at the edge."""
    shown = FlowText(THEME)
    qtbot.addWidget(shown)
    shown.resize(400, 50)
    shown.show()
    shown.set_content(prose_of(source))
    cursor = QTextCursor(shown.document())
    cursor.movePosition(QTextCursor.MoveOperation.End)
    block = cursor.block()
    wide = QFontMetricsF(THEME.body_font()).horizontalAdvance(block.textList().itemText(block) + " ")
    line = block.layout().lineAt(0).naturalTextRect()
    left = block.layout().position().x() + line.left()
    assert wide < (shown.viewport().width() - left - line.width() if "\u05d0" in source else left)


def test_lists_and_quotes_from_right_to_left_keep_their_marks(qtbot: QtBot) -> None:
    """Bullets and numbers stand right of the text, inside the answer, in the list's own step."""
    hebrew = "\u05e9\u05dc\u05d5\u05dd"
    for mark in ("-", "1.", "- [ ]"):
        shown = FlowText(THEME)
        qtbot.addWidget(shown)
        shown.resize(300, 50)
        shown.show()
        shown.set_content(prose_of(f"{mark} {hebrew}\n"))
        image = shown.viewport().grab().toImage()
        ground = image.pixelColor(0, 0)
        ink = [x for x in range(300) if any(image.pixelColor(x, y) != ground for y in range(image.height()))]
        line = shown.document().begin().layout().lineAt(0)
        right = shown.document().begin().layout().position().x() + line.naturalTextRect().right()
        assert right <= 300 - 15
        if mark != "- [ ]":
            assert max(ink) > right + 2
    document = QTextDocument()
    document.setHtml(html_of(f"1. {hebrew}\n"))
    assert document.begin().textList().itemText(document.begin()) == "1."  # which Qt then writes from right to left
    document.setHtml(html_of("1. English\n"))
    assert document.begin().textList().itemText(document.begin()) == "1."
    quoted = html_of(f"> {hebrew}\n\n| {hebrew} | b |\n|---|---|\n")
    assert quoted.index(hebrew) < quoted.index('width="3"')
    assert quoted.index(">b<") < quoted.rindex(hebrew)  # the first column is the rightmost


# -- inside a line -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("**bold** and *it*", "<b>bold</b> and <i>it</i>"),
        ("snake_case_name stays", "snake_case_name stays"),
        ("2 * 3 * 4", "2 * 3 * 4"),
        ("a < b & c", "a &lt; b &amp; c"),
        ("<b>literal</b>", "&lt;b&gt;literal&lt;/b&gt;"),
        ("![alt](http://x.example/p.png)", '<a href="http://x.example/p.png">alt</a>'),
        ("![](https://x.example/p.png)", '<a href="https://x.example/p.png">https://x.example/p.png</a>'),
        ("![plot](p.png)", "![plot](p.png)"),
        ("![](file:///etc/passwd)", "![](file:///etc/passwd)"),
        ("![dot](data:image/png;base64,AAAA)", "<i>dot</i>"),
        (
            "[![**ok**](https://x.example/p.png)](https://y.example)",
            '<a href="https://y.example">ok</a> (<a href="https://x.example/p.png">https://x.example/p.png</a>)',
        ),
        ("\\*not\\*", "*not*"),
        ("\\{a\\} \\\\", "{a} \\"),
        ("\\(a_b \\cdot c_d\\)", "\\(a_b \\cdot c_d\\)"),
        ("[x](javascript:alert)", "[x](javascript:alert)"),
        ("[x](notes.md)", "[x](notes.md)"),
        ("[x](https://a.example/b_c_d)", '<a href="https://a.example/b_c_d">x</a>'),
        ("see https://a.example/b_c.", 'see <a href="https://a.example/b_c">https://a.example/b_c</a>.'),
        ("(https://a.example/b_(c))", '(<a href="https://a.example/b_(c)">https://a.example/b_(c)</a>)'),
        ("README.md and file.py", "README.md and file.py"),
        ("one\ntwo", "one<br/>two"),
        ("~~gone~~", "<s>gone</s>"),
    ],
)
def test_inline(source: str, expected: str) -> None:
    assert inline_html(source) == expected


@pytest.mark.parametrize(
    "source",
    [
        "it costs $5 and $6",
        "$5 or 6$ a piece",
        "between $5-$10, US$5 and US$6",
        "$HOME/$USER and ${PATH}",
        "a $ b $ c",
        "100$",
    ],
)
def test_prices_and_variables_are_no_formulas(source: str) -> None:
    assert plain(source) == source
    assert all(piece.kind == "text" for piece in blocks_from_markdown(source)[0].line)  # type: ignore[union-attr]


@pytest.mark.parametrize("sign", ["+", "-", ">", "#", "1."])
def test_lines_of_a_formula_may_begin_like_blocks(sign: str) -> None:
    for begin, end in (("$$", "$$"), ("\\[", "\\]")):
        source = f"before\n\n{begin}\na\n{sign} b\n{end}\n\nafter"
        blocks = blocks_from_markdown(source)
        assert blocks[1] == FormulaBlock(f"a\n{sign} b", begin)
        assert len(blocks) == 3


def test_formulas_keep_their_backslashes() -> None:
    assert blocks_from_markdown("\\[ x = \\{1\\} \\\\ y \\]") == (FormulaBlock("x = \\{1\\} \\\\ y", "\\["),)
    assert plain("an \\(\\{a\\} \\\\ b\\) here, $\\{c\\}$") == "an \\(\\{a\\} \\\\ b\\) here, $\\{c\\}$"
    assert plain("not \\( closed") == "not ( closed"


def test_inline_code_is_left_alone() -> None:
    assert "**x** &lt;i&gt; $y$" in inline_html("`**x** <i> $y$`")


@given(st.text(max_size=300))
def test_any_text_is_safe(source: str) -> None:
    html = re.sub(r"<(/?)(p|pre|ul|ol|li|table|tr|td|th)\b[^>]*>", "", html_of(source))
    assert set(re.findall(r"</?([a-zA-Z]+)", html)) <= ALLOWED_TAGS
    assert all(re.match(r"(?i)https?:|mailto:", target) for target in re.findall(r'href="([^"]*)', html))


@given(st.text(alphabet="#>-*_`|[]()! \n\tab1.<:/~\\$^", max_size=200))
def test_any_markdown_can_be_parsed(source: str) -> None:
    assert "<img" not in html_of(source)


# -- hostile answers ---------------------------------------------------------------------------------------------------

HOSTILE = {
    "quotes": lambda size: ">" * size + " deep",
    "quotes in lines": lambda size: "\n".join(">" * number for number in range(size // 50)),
    "lists": lambda size: "- " * size + "x",
    "lists in lines": lambda size: "\n".join("  " * depth + "- x" for depth in range(size // 50)),
    "brackets": lambda size: "[" * size,
    "links": lambda size: "[a](" * size,
    "images": lambda size: "![" * size,
    "backticks": lambda size: " ".join("`" * number for number in range(1, round((2 * size) ** 0.5))),
    "emphasis": lambda size: "*a " * size + "_*" * size,
    "dollars": lambda size: "$a " * size,
    "formulas": lambda size: "\\( " * size + "\n\n" + "\\[ x\n\n" * (size // 8),
    "addresses": lambda size: "http://a" * size,
    "one line": lambda size: "a" * (100 * size),
    "words": lambda size: "word " * (20 * size),
    "a table": lambda size: "\n".join(["|a" * 20 + "|", "|-" * 20 + "|", *["|a" * 20 + "|"] * (size // 10)]),
    "a wide table": lambda size: "\n".join(["|a" * size + "|", "|-" * size + "|", "|a" * size + "|"]),
    "footnotes": lambda size: "[^1]" * size + "\n\n[^1]: x",
    "code": lambda size: "```py\n" + "x=(" * size + "\n```",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_answers_cost_no_more_than_their_size(kind: str, qtbot: QtBot) -> None:
    """Four times the text may take four times the time, and no more; a quadratic one would take sixteen times."""

    def seconds(size: int) -> float:
        least = float("inf")
        for attempt in range(3):
            body = AnswerBody(THEME)
            qtbot.addWidget(body)
            body.resize(700, 400)
            began = time.process_time()
            show_markdown(body, HOSTILE[kind](size) + "\n" * attempt)  # another text: nothing is remembered
            least = min(least, time.process_time() - began)
        return least

    small, large = seconds(2_500), seconds(10_000)
    assert large < 8 * small + 0.25, (small, large)


@pytest.mark.parametrize("kind", ["quotes", "lists", "brackets", "emphasis", "one line", "a wide table", "formulas"])
def test_nothing_of_a_hostile_answer_is_lost(kind: str) -> None:
    source = HOSTILE[kind](2_000)
    letters = re.sub(r"[^a-z]", "", source)
    shown = ""
    for part in contents(source):
        shown += (
            part.text if isinstance(part, Code | Plain | Rest) else html_of(source) if isinstance(part, Prose) else ""
        )
    assert len(re.sub(r"<[^>]*>|[^a-z]", "", shown.replace("&nbsp;", ""))) >= len(letters)


def test_what_is_too_much_is_shown_as_it_was_written() -> None:
    line = "word " * (MAX_CHARACTERS // 4)
    assert contents(line) == [Plain(line)]
    lines = "**line**\n\n" * MAX_LINES * SLICES
    parts = contents(lines)
    assert isinstance(parts[-1], Rest)
    assert parts[-1].text.startswith("**line**")
    assert isinstance(parts[0], Prose)
    parts = contents("".join(f"{at}\n{line}\n" for at in range(SLICES)) + "more")
    assert [type(part) for part in parts] == [Prose, Plain] * SLICES + [Rest]


def test_ordinary_long_paragraphs_are_read() -> None:
    assert is_readable(("This is **bold**, `code`, a [link](https://a.example) and $x^2$. " * 60)[:4_000])
    assert not is_readable("[" * 1_000)


def test_a_large_plain_part_scrolls_for_itself(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    body.resize(600, 400)
    body.show()
    show_markdown(body, "a" * 1_000_000)
    (part,) = body.parts
    assert isinstance(part, LongText)
    assert THEME.line_height() * 12 < part.height() < 1_000
    assert part.verticalScrollBar().maximum() > 0


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
    document.setHtml(html_of(source))
    document.setTextWidth(400)
    document.documentLayout().documentSize()
    assert document.asked == []


def prose_of(source: str) -> Prose:
    """An answer that is one text."""
    (content,) = contents(source)
    assert isinstance(content, Prose)
    return content


def test_a_link_opens_outside_and_only_after_a_click(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    shown = FlowText(THEME)
    qtbot.addWidget(shown)
    shown.set_content(prose_of("[docs](https://docs.example/x)"))
    assert opened == []
    shown.anchorClicked.emit(QUrl("https://docs.example/x"))
    shown.anchorClicked.emit(QUrl("file:///etc/passwd"))
    assert opened == ["https://docs.example/x"]
    assert shown.toPlainText() == "docs"


def test_a_picture_is_a_link_that_opens_on_a_click(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(QDesktopServices, "openUrl", lambda url: opened.append(url.toString()))
    shown = FlowText(THEME)
    qtbot.addWidget(shown)
    shown.resize(300, 60)
    shown.show()
    shown.set_content(prose_of("![a picture](https://docs.example/x.png)"))
    assert opened == []
    place = shown.cursorRect().center() + QPoint(8, 0)
    assert shown.anchorAt(place) == "https://docs.example/x.png"
    qtbot.mouseClick(shown.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert opened == ["https://docs.example/x.png"]


def test_the_height_follows_the_text(qtbot: QtBot) -> None:
    shown = FlowText(THEME)
    qtbot.addWidget(shown)
    shown.resize(400, 10)
    shown.show()
    shown.set_content(prose_of("short"))
    short = shown.height()
    shown.set_content(prose_of("word " * 400))
    assert shown.height() > 5 * short
    wide = shown.height()
    shown.resize(800, shown.height())
    assert shown.height() < wide


def test_code_blocks_keep_their_source(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    show_markdown(body, "Text\n\n```py\ndef f():\n\treturn  1\n```\n\nEnd")
    code = body.parts[1]
    assert isinstance(code, CodeBlock)
    code._copy.click()
    assert QGuiApplication.clipboard().text() == "def f():\n\treturn  1"
    assert code.findChild(QPlainTextEdit).accessibleName() == "Python code"
    code._copy._back.stop()


def test_growing_answers_keep_their_widgets(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    show_markdown(body, "One\n\n```py\nx\n```")
    before = body.parts
    show_markdown(body, "One\n\n```py\nx\n```\n\nTwo")
    assert body.parts[:2] == before
    assert len(body.parts) == 3
    show_markdown(body, "One\n\n```py\nx\n```\n\n- Two\n  ```\n  y")
    assert body.parts[:3] == (*before, body.parts[2])
    assert len(body.parts) == 4
    show_markdown(body, "Other")
    assert len(body.parts) == 1


def test_highlighting() -> None:
    spans = list(spans_from_code("def f():\n    return 'x'  # why", "python"))
    assert (0, (0, 3, "syntax_keyword")) in spans
    colors = {color for row, (_, _, color) in spans if row == 1}
    assert colors - {""} == {"syntax_keyword", "syntax_string", "syntax_comment"}
    assert not list(spans_from_code("x", "no-such-language"))
    assert not list(spans_from_code("a\nb", ""))
    assert not list(spans_from_code("x" * (LONGEST_LINE + 1), "python"))


def test_colours_follow_the_theme(qtbot: QtBot) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    show_markdown(body, "Text with `code`\n\n```python\nreturn 1\n```\n\n- in\n  ```\n  a list\n  ```\n\n|t|\n|-|")
    body.set_theme(Theme(DARK, 1.0, 10.0))
    assert DARK.code_header in html_of("`code`", Theme(DARK, 1.0, 10.0))
