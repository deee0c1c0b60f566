"""Letters are looked for in the fonts a few in a turn, before what shows them is laid out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date

import pytest
from PySide6.QtGui import QFont, QTextDocument
from PySide6.QtWidgets import QApplication, QLabel, QPushButton
from pytestqt.qtbot import QtBot

from app.chats.messages import Conversation, Message, MessageState
from app.ui.chat.answer_body import AnswerBody
from app.ui.chat.canvas import CanvasView
from app.ui.chat.chat_list import ConversationList
from app.ui.chat.flow_text import FlowText
from app.ui.chat.long_text import LongText
from app.ui.chat.markdown import Prose, Segment, Table
from app.ui.chat.segment_fonts import fonts_of
from app.ui.chat.slices import slices_from_markdown
from app.ui.chat.steering.rewrite_box import AnswerPart, RewriteBox
from app.ui.chat.turns import turns
from app.ui.chat.user_message import UserMessage
from app.ui.widgets import font_search
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.font_search import LONGEST_RUN, FontSearch, find, letters_to_find
from app.ui.widgets.labels import ElidedButton, ElidedLabel
from app.ui.widgets.plain import PlainLabel
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
    before = list(found)
    found.clear()
    body.set_theme(LARGE)  # other sizes are other fonts
    qtbot.waitUntil(lambda: turns().waiting == 0, timeout=WAIT_MS)
    assert sorted(found) == sorted(before)


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


def test_a_message_in_another_size_is_looked_for_anew(qtbot: QtBot, found: Found) -> None:
    text = " ".join(SCRIPTS)
    item = UserMessage(Message("m", "c", None, 0, 1, "user", MessageState.DONE, text, "", None, None, 0, 0), THEME)
    qtbot.addWidget(item)
    item.set_theme(LARGE)  # while it is looked for in the first size
    qtbot.waitUntil(lambda: turns().waiting == 0, timeout=WAIT_MS)
    shown = item.findChild(FlowText)
    assert (shown.toPlainText(), shown.document().defaultFont().pointSizeF()) == (text, LARGE.body_points)
    assert len(found) == 1 + len(SCRIPTS)


def test_a_long_text_is_shown_when_its_letters_have_been_looked_for(qtbot: QtBot, found: Found) -> None:
    text = LongText(THEME)
    qtbot.addWidget(text)
    text.set_content(" ".join(SCRIPTS))
    assert text.toPlainText() == ""
    text.set_theme(LARGE)
    qtbot.waitUntil(lambda: turns().waiting == 0, timeout=WAIT_MS)
    assert (text.toPlainText(), text.font().pointSizeF()) == (" ".join(SCRIPTS), LARGE.body_points)
    assert len(found) == 1 + len(SCRIPTS)


def test_what_a_block_goes_on_from_is_looked_for_too(canvas: CanvasView, found: Found, qtbot: QtBot) -> None:
    """A block may be committed before its draft was shown."""
    canvas.set_start(" ".join(SCRIPTS))
    assert len(found) == 1
    assert canvas.flow.words == ()
    canvas.set_draft(draft_of([" dew"]))
    qtbot.waitUntil(lambda: canvas.draft is not None, timeout=WAIT_MS)
    assert [word.text for word in canvas.flow.words] == [*SCRIPTS, "dew"]
    before = len(found)
    canvas.set_theme(LARGE)
    assert canvas.flow.words == ()
    canvas.resize(700, canvas.height())
    assert len(found) == before + 1  # one a turn
    qtbot.waitUntil(lambda: bool(canvas.flow.words), timeout=WAIT_MS)
    assert [word.text for word in canvas.flow.words] == [*SCRIPTS, "dew"]


@pytest.fixture
def labels(found: Found, monkeypatch: pytest.MonkeyPatch) -> Found:
    """Each run of letters takes all the time that labels have in a turn."""

    def find_slowly(font: QFont, letters: str) -> None:
        found.find(font, letters)
        font_search._spent[0] += 1.0

    monkeypatch.setattr(font_search, "find", find_slowly)
    monkeypatch.setattr(font_search, "_spent", [0.0])
    return found


@pytest.mark.parametrize("kind", ["plain", "wrapped", "elided", "button"])
def test_a_label_shows_a_script_a_turn(kind: str, qtbot: QtBot, labels: Found) -> None:
    """A server's error in forty scripts stopped the window for a second."""
    text = " ".join(SCRIPTS)
    label: QLabel | QPushButton
    if kind == "button":
        label = ElidedButton("choose another one")
        label.resize(2_000, 30)
        label.set_full_text(text)
    else:
        label = ElidedLabel(text) if kind == "elided" else PlainLabel(text, wrap=kind == "wrapped")
        label.resize(2_000, 30)
    qtbot.addWidget(label)
    assert len(labels) == 1
    of_qt = (QPushButton if kind == "button" else QLabel).text
    qtbot.waitUntil(lambda: of_qt(label).replace("\u200b", "") == text, timeout=WAIT_MS)
    assert {letter for run in labels for letter in run} >= set(SCRIPTS)


def test_a_chats_title_shows_a_script_a_turn_and_is_renamed_whole(qtbot: QtBot, labels: Found) -> None:
    titles = ["".join(SCRIPTS[:6]), "".join(SCRIPTS[6:])]
    rows = ConversationList()
    qtbot.addWidget(rows)
    chats = [Conversation(str(at), title, "user", None, 0, 0, None) for at, title in enumerate(titles)]
    rows.fill(chats, None, date(2026, 11, 30))
    rows.resize(300, 300)
    assert len(labels) == 1
    assert {rows.item(at).text() for at in range(rows.count())} >= set(titles)  # what would be edited
    renamed: list[tuple[str, str]] = []
    rows.renamed.connect(lambda *told: renamed.append(told))
    rows.show()
    qtbot.waitUntil(lambda: {letter for run in labels for letter in run} >= set(SCRIPTS), timeout=WAIT_MS)
    qtbot.waitUntil(lambda: not rows._unfinished, timeout=WAIT_MS)
    assert renamed == []  # a row that is measured again is no chat that the user renamed


def test_the_newest_draft_is_the_last_that_is_shown(canvas: CanvasView, found: Found, qtbot: QtBot) -> None:
    """One that had waited for its time came after a newer one that had not."""
    shown: list[DraftUpdated] = []
    canvas.shown.connect(shown.append)
    drafts = [draft_of([word], step) for step, word in enumerate(("one", "two", "three"), 1)]
    canvas.set_draft(drafts[0])
    canvas.set_draft(drafts[1])
    canvas._applied_at -= 60.0  # the window was busy meanwhile
    canvas.set_draft(drafts[2])
    canvas.on_slow_frame_due()
    assert shown == [drafts[0], drafts[2]]
    assert not canvas._slow.isActive()


def test_the_box_of_a_rewrite_shows_what_was_looked_for(qtbot: QtBot, found: Found) -> None:
    box = RewriteBox(AnswerPart("m", "The cat sat.", 4, 7), THEME, "full", reduce_motion=False)
    qtbot.addWidget(box)
    box.show()
    box.begin("", 1, "")
    box.show_draft(draft_of([f" {each}" for each in SCRIPTS]))
    assert not box.canvas.isVisible()
    qtbot.waitUntil(box.canvas.isVisible, timeout=WAIT_MS)
    box.canvas.clear()


def shown_in(document: QTextDocument) -> set[tuple[str, str]]:
    """Each letter behind ASCII, and the font that a document shows it in."""
    found: set[tuple[str, str]] = set()
    block = document.begin()
    while block.isValid():
        pieces = block.begin()
        while not pieces.atEnd():
            piece = pieces.fragment()
            font = piece.charFormat().font().resolve(document.defaultFont())
            font.setStyleStrategy(QFont.StyleStrategy.PreferDefault)  # letters that no font has are not merged
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
