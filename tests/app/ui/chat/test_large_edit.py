"""Fields for texts of any size: nothing of what stands in them is changed, and no line is laid out whole."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from app.chats.options import ChatOptions
from app.ui.chat.edit_box import EditBox
from app.ui.chat.large_edit import LargeEdit
from app.ui.chat.long_text import PIECE
from app.ui.chat.options.dialog import ChatOptionsDialog
from app.ui.chat.steering.form_dialog import FormDialog
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.theme import Theme
from tests.helpers.turns import all_shown

THEME = Theme(LIGHT, 1.0, 10.0)
ODD = ["10\u00a0km", "a\u2028b", "\u2009thin\u202f", "  two  blanks", "x\n\n\ny", "\U0001f469\u200d\U0001f469"]
LARGE = ["a" * 100_000, "word " * 30_000, "\u6f22" * 30_000, "line\n" * 5_000]


def longest_line(edit: LargeEdit) -> int:
    """Characters of the longest line that Qt lays out."""
    return max(map(len, edit.toPlainText().split("\n")))


@pytest.mark.parametrize("text", [*ODD, *LARGE])
def test_a_message_that_is_edited_stays_as_it_is_but_for_what_is_typed(qtbot: QtBot, text: str) -> None:
    box = EditBox("id", text, True, THEME)
    qtbot.addWidget(box)
    told: list[str] = []
    box.changed.connect(lambda _, typed: told.append(typed))
    qtbot.keyClicks(box.edit, "xyz")  # at once, while the rest is still to come
    assert told[-1] == text + "xyz"
    all_shown()
    assert longest_line(box.edit) <= PIECE + 10
    box.agreed.connect(lambda _, typed: told.append(typed))
    box.on_agreed()
    assert told[-1] == text + "xyz"
    box.edit.selectAll()
    assert box.edit.createMimeDataFromSelection().text() == text + "xyz"


@pytest.mark.parametrize("text", [*ODD, *LARGE])
def test_options_and_forms_keep_what_is_in_them(qtbot: QtBot, text: str) -> None:
    text = text.strip()
    options = ChatOptionsDialog(ChatOptions(system_prompt=text), (), (), THEME)
    qtbot.addWidget(options)
    assert options.options.system_prompt == text
    all_shown()
    assert options.options.system_prompt == text
    assert longest_line(options.prompt) <= PIECE + 10
    form = FormDialog("choice", text, THEME, options)
    all_shown()
    assert form.text == text


@settings(max_examples=60)
@given(st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=5_000), max_size=5))
def test_any_text_comes_out_as_it_went_in(lines: list[str]) -> None:
    text = "\n".join(lines).replace("\u2029", " ")  # Qt's own end of a paragraph
    edit = LargeEdit()
    edit.set_whole_text(text)
    assert edit.whole_text() == text
    all_shown()
    assert edit.whole_text() == text
    edit.set_whole_text("")
    edit.put_in(text)
    assert edit.whole_text() == text
    edit.deleteLater()
