"""Letters are looked for in the fonts a few in a turn, before what shows them is laid out."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtGui import QFont, QTextDocument
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.chats.messages import Message, MessageState
from app.ui.chat import font_search
from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.canvas import CanvasView
from app.ui.chat.flow_text import FlowText
from app.ui.chat.font_search import LONGEST_RUN, FontSearch, find, letters_to_find
from app.ui.chat.markdown import Prose, Segment, Table
from app.ui.chat.segment_fonts import fonts_of
from app.ui.chat.slices import slices_from_markdown
from app.ui.chat.turns import turns
from app.ui.chat.user_message import UserMessage
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.theme import Theme
from inference.events import DraftUpdated
from tests.helpers.waiting import WAIT_MS

THEME = Theme(LIGHT, 1.0, 10.0)
LARGE = Theme(LIGHT, 1.5, 15.0)
SCRIPTS = [
    "\u0905", "\u0e01", "\u10a0", "\u1200", "\u13a0", "\u1780", "\u3042", "\u6f22", "\uac00", "\U00010300",
    "\U00013000", "\U0001f600",
]  # fmt: skip
ANSWER = """\
# One \u0905

A *\u0e01* b **\u10a0** c ***\u1200*** d `\u13a0` e

## Two *\u1780* `\u3042`

> - quoted \u6f22
>   - [x] **\uac00**

$\U00010300$

| head \U00013000 | b |
|---|---|
| *\U0001f600* | c |

~~~
code \u0416
~~~
"""


class Found(list[str]):
    """What was looked for, each as if it took a whole turn."""

    def find(self, font: QFont, letters: str) -> None:
        """Stands in for Qt."""
        self.append(letters)
        find(font, letters)
        turns().spend(1.0)


@pytest.fixture
def found(qapp: QApplication, monkeypatch: pytest.MonkeyPatch) -> Found:
    """Nothing has been looked for yet, and looking takes long."""
    made = Found()
    monkeypatch.setattr(font_search, "_met", {})
    monkeypatch.setattr(font_search, "find", made.find)
    turns().on_next_turn()
    return made


@pytest.fixture
def canvas(qtbot: QtBot, found: Found) -> Iterator[CanvasView]:
    """A canvas of a message's width."""
    view = CanvasView(THEME)
    qtbot.addWidget(view)
    view.resize(800, 10)
    view.show()
    yield view
    view.clear()


def draft_of(pieces: list[str], step: int = 1) -> DraftUpdated:
    """A draft of words that have settled."""
    size = len(pieces)
    return DraftUpdated(0, step, 48, tuple(range(size)), tuple(pieces), (0.01,) * size, (True,) * size)


def test_a_draft_is_shown_when_its_letters_have_been_looked_for(canvas: CanvasView, found: Found, qtbot: QtBot) -> None:
    """A draft of twelve scripts that no font has stopped the window for 300 ms and more."""
    canvas.set_draft(draft_of([f" {each}" for each in SCRIPTS]))
    assert len(found) == 1
    assert canvas.draft is None
    for number in range(2, len(SCRIPTS)):
        turns().on_next_turn()
        assert len(found) == number  # one a turn
    qtbot.waitUntil(lambda: canvas.draft is not None, timeout=WAIT_MS)
    assert canvas.settled_text() == " ".join(SCRIPTS)
    assert {letter for run in found for letter in run} == set(SCRIPTS)


def test_the_newest_draft_is_the_one_that_is_shown(canvas: CanvasView, found: Found, qtbot: QtBot) -> None:
    shown: list[DraftUpdated] = []
    canvas.shown.connect(shown.append)
    canvas.set_draft(draft_of([" \u0905", " \u0e01"]))
    newest = draft_of([" \u0905", " \U00013000"], 2)
    canvas.set_draft(newest, at_once=True)
    qtbot.waitUntil(lambda: canvas.draft is not None, timeout=WAIT_MS)
    assert shown == [newest]
    assert "\U00013000" in found
    assert canvas.flow.words


def test_what_is_known_is_shown_at_once(canvas: CanvasView, found: Found, qtbot: QtBot) -> None:
    canvas.set_draft(draft_of([" \u0905", " dew"]))
    qtbot.waitUntil(lambda: canvas.draft is not None, timeout=WAIT_MS)
    found.clear()
    turns().spend(1.0)  # no room in this turn
    canvas.set_draft(draft_of([" dew", " \u0905"], 2), at_once=True)
    assert canvas.draft == draft_of([" dew", " \u0905"], 2)
    assert found == []


def test_a_new_start_ends_the_search(canvas: CanvasView, found: Found, qtbot: QtBot) -> None:
    canvas.set_draft(draft_of([" \u0905", " \u0e01", " \u1200"]))
    canvas.set_start("Dew ")
    qtbot.waitUntil(lambda: turns().waiting == 0, timeout=WAIT_MS)
    assert canvas.draft is None
    assert len(found) == 1


def test_a_picture_of_a_draft_waits_for_nothing(canvas: CanvasView, found: Found) -> None:
    canvas.set_draft(draft_of([" \u0905", " \u0e01"]))
    canvas.set_still(draft_of([" \u10a0"], 2))
    assert canvas.draft == draft_of([" \u10a0"], 2)
    turns().on_next_turn()
    assert canvas.draft == draft_of([" \u10a0"], 2)


def test_an_answer_is_shown_when_its_letters_have_been_looked_for(qtbot: QtBot, found: Found) -> None:
    body = AnswerBody(THEME)
    qtbot.addWidget(body)
    body.set_markdown(ANSWER)
    assert body.parts == ()
    qtbot.waitUntil(lambda: turns().waiting == 0, timeout=WAIT_MS)
    assert len(body.parts) > 2
    assert {letter for run in found for letter in run} >= set(SCRIPTS)
    before = len(found)
    body.set_theme(LARGE)  # other sizes are other fonts
    qtbot.waitUntil(lambda: turns().waiting == 0, timeout=WAIT_MS)
    assert len(found) == 2 * before


def test_a_message_is_shown_when_its_letters_have_been_looked_for(qtbot: QtBot, found: Found) -> None:
    """A chat may be imported from strangers."""
    text = " ".join(SCRIPTS)
    message = Message("m", "c", None, 0, 1, "user", MessageState.DONE, text, "", None, None, 0, 0)
    item = UserMessage(message, THEME)
    qtbot.addWidget(item)
    item.resize(800, 10)
    assert len(found) == 1
    assert item.source() == text
    shown = item.findChild(FlowText)
    assert shown is not None
    qtbot.waitUntil(lambda: turns().waiting == 0, timeout=WAIT_MS)
    assert len(found) == len(SCRIPTS)
    assert shown.toPlainText() == text
    again = UserMessage(message, THEME)
    qtbot.addWidget(again)
    assert again.findChild(FlowText).toPlainText() == text  # at once


def shown_in(document: QTextDocument) -> set[tuple[str, str]]:
    """Each letter behind ASCII, and the font that a document shows it in."""
    found: set[tuple[str, str]] = set()
    block = document.begin()
    while block.isValid():
        pieces = block.begin()
        while not pieces.atEnd():
            piece = pieces.fragment()
            font = piece.charFormat().font().resolve(document.defaultFont())
            found |= {(letter, font.key()) for letter in piece.text() if not letter.isascii()}
            pieces += 1
        block = block.next()
    return found


@pytest.mark.parametrize("theme", [THEME, LARGE], ids=["100", "150"])
def test_fonts_are_those_that_the_document_has(qapp: QApplication, qtbot: QtBot, theme: Theme) -> None:
    segments = [segment for each in slices_from_markdown(ANSWER) for segment in each]
    looked = {(letter, font.key()) for font, letters in fonts_of(segments, theme) for letter in letters}
    shown: set[tuple[str, str]] = set()
    for segment in segments:
        if isinstance(segment.content, (Prose, Table)):
            text = FlowText(theme)
            qtbot.addWidget(text)
            text.set_content(segment.content)
            shown |= shown_in(text.document())
    assert {letter for letter, _ in shown} >= set(SCRIPTS) - {"\U00010300"}
    assert shown <= looked
    assert ("\u0416", theme.mono_font().key()) in looked


def test_letters_are_looked_for_by_their_scripts(qapp: QApplication) -> None:
    font = THEME.font(0.93)  # of no widget
    chinese = "".join(map(chr, range(0x4E00, 0x4E00 + 3 * LONGEST_RUN)))
    runs = letters_to_find(font, f"dew {chinese} \u0e01\u0e02")
    assert sorted("".join(runs)) == sorted(f"{chinese}\u0e01\u0e02")
    assert "\u0e01\u0e02" in runs
    assert max(map(len, runs)) <= LONGEST_RUN
    search = FontSearch([(font, chinese), (font, "dew")])
    while search.go_on():
        pass
    assert letters_to_find(QFont(font), chinese) == []
    assert FontSearch([(font, chinese)]).done


@pytest.mark.parametrize("letters", ["\ud800", "\udfff\ud800", "\x85", "\u202e", "\U0010ffff", "\ufffe", "\u0301" * 40])
def test_no_letter_is_too_odd(qapp: QApplication, letters: str) -> None:
    search = FontSearch([(THEME.body_font(), letters)])
    while search.go_on():
        pass
    assert FontSearch([(THEME.body_font(), letters)]).done


def test_nothing_is_looked_for_in_ascii(qapp: QApplication) -> None:
    assert FontSearch([(THEME.body_font(), "".join(map(chr, range(128))))]).done
    assert fonts_of([Segment(Prose(()))], THEME) == []
