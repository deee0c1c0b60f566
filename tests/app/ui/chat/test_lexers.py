"""Lexers are made in a thread: the patterns of some languages take a third of a second."""

from __future__ import annotations

import threading

import pytest
from pytestqt.qtbot import QtBot

from app.ui.chat import highlight, lexers
from app.ui.chat.code_block import CodeBlock
from app.ui.chat.lexers import Lexers
from app.ui.chat.markdown import Code
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.theme import Theme
from tests.helpers.waiting import WAIT_MS

THEME = Theme(LIGHT, 1.0, 10.0)
CODE = "def f():\n    return 'x'  # why"


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch) -> Lexers:
    """None was wanted yet."""
    made = Lexers()
    monkeypatch.setattr(highlight, "lexers", lambda: made)
    return made


def coloured(block: CodeBlock) -> bool:
    """Whether a line has a colour."""
    return any(block._text.document().findBlockByNumber(row).layout().formats() for row in range(2))


def test_code_is_there_at_once_and_its_colours_come_with_the_lexer(
    qtbot: QtBot, fresh: Lexers, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[threading.Thread] = []
    go_on, make = threading.Event(), lexers._made
    monkeypatch.setattr(
        lexers, "_made", lambda name: (threads.append(threading.current_thread()), go_on.wait(), make(name))[-1]
    )
    blocks = [CodeBlock(THEME) for _ in range(3)]
    for block, code in zip(blocks, (Code(CODE, "python"), Code(CODE, "python"), Code(CODE, "brainf")), strict=True):
        qtbot.addWidget(block)
        block.set_code(code)
        assert block._text.toPlainText() == CODE
        assert not coloured(block)
    blocks[1].set_code(Code("other", "python"))  # before the lexer is there
    go_on.set()
    qtbot.waitUntil(lambda: coloured(blocks[0]) and fresh.has("brainf"), timeout=WAIT_MS)
    assert blocks[1]._text.toPlainText() == "other"
    assert [thread.name for thread in threads] == ["lexers", "lexers"]
    late = CodeBlock(THEME)
    qtbot.addWidget(late)
    late.set_code(Code(CODE, "python"))
    assert coloured(late)  # at once


def test_a_language_that_is_none_has_no_colours_and_is_asked_for_once(qtbot: QtBot, fresh: Lexers) -> None:
    block = CodeBlock(THEME)
    qtbot.addWidget(block)
    with qtbot.waitSignal(fresh.made, timeout=WAIT_MS):
        block.set_code(Code(CODE, "no-such-language"))
    assert fresh.has("no-such-language")
    assert fresh.get("no-such-language") is None
    assert not coloured(block)


def test_a_block_that_has_gone_is_not_missed(qtbot: QtBot, fresh: Lexers) -> None:
    block = CodeBlock(THEME)
    heard: list[str] = []
    fresh.made.connect(heard.append)
    block.set_code(Code(CODE, "rust"))
    block.deleteLater()
    qtbot.waitUntil(lambda: heard == ["rust"], timeout=WAIT_MS)
