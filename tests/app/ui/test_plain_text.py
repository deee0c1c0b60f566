"""Names, titles, paths and errors are shown as they are: no markup, no access keys, no pictures, no tricks."""

from __future__ import annotations

import ast
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QAction, QColor, QImage, QTextDocument
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QComboBox,
    QLabel,
    QListWidget,
    QTextEdit,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.main import Parts
from app.ui.chat.flow_text import FlowText
from app.ui.chat.table_text import FormulaText, TableText
from app.ui.widgets.colours import LIGHT
from app.ui.widgets.labels import ElidedButton
from app.ui.widgets.plain import (
    LONGEST,
    LONGEST_TIP,
    PlainLabel,
    breakable,
    message_box,
    one_line,
    shown,
    tip,
    without_keys,
)
from app.ui.widgets.theme import Theme
from tests.app.ui.every_window import every_window
from tests.helpers.scripted_library import ScriptedLibrary
from tests.helpers.waiting import WAIT_MS, steady

UI = Path(__file__).resolve().parents[3] / "app"
HOSTILE = (
    "<img src='file:///nowhere.png'>x",
    "<b>bold</b> &File",
    "&File && %1 %n {0} [*] <br>",
    "one\ntwo\r\n<i>three</i>",
    "x" * 10_000,
    "<a href='https://example.org'>" + "long words " * 900,
    "a\u202egnp.exe \u2067\u2067 tail",
    "<!doctype html><p>p</p>",
)
GUESSING = (
    "setWhatsThis",
    "setStatusTip",
    "showText",
    "showMessage",
    "QInputDialog",
    "QProgressDialog",
    "QErrorMessage",
    "QSystemTrayIcon",
    "QTextEdit",
    "QTextBrowser",
    "QTextDocument",
    "appendHtml",
    "insertHtml",
    "setMarkdown",
)
OURS = '<p style="white-space: pre-wrap">'


def tips(window: QWidget) -> Iterator[tuple[str, str]]:
    """All tool tips below a window, with where they are."""
    for widget in (window, *window.findChildren(QWidget)):
        yield repr(widget), widget.toolTip()
        if isinstance(widget, QListWidget):
            yield from ((f"row {row}", widget.item(row).toolTip()) for row in range(widget.count()))
        if isinstance(widget, QComboBox):
            roles = (widget.itemData(row, Qt.ItemDataRole.ToolTipRole) for row in range(widget.count()))
            yield from ((repr(widget), str(role)) for role in roles if role)
    yield from ((repr(action), action.toolTip()) for action in window.findChildren(QAction))


def faults(name: str, window: QWidget) -> Iterator[str]:
    """What in a window might be taken for anything but text."""
    for label in window.findChildren(QLabel):
        inner = label.objectName().startswith("qt_")
        if not inner and label.textFormat() != Qt.TextFormat.PlainText:
            yield f"{name}: a label that guesses: {label.text()[:40]!r}"
        if "\u202e" in label.text() or len(label.text()) > LONGEST:
            yield f"{name}: a label shows too much: {label.text()[:40]!r}"
    for where, said in tips(window):
        body = said.removeprefix(OURS).removesuffix("</p>")
        if "<" in body or ("<" not in said and len(said.split("\n")[0]) > 80) or len(body) > 6 * LONGEST_TIP:
            yield f"{name}: tool tip of {where}: {said[:60]!r}"
    for button in window.findChildren(QAbstractButton):
        if not button.shortcut().isEmpty():
            yield f"{name}: {button.text()[:40]!r} has the key {button.shortcut().toString()}"
    for widget in (window, *window.findChildren(QWidget)):
        if widget.whatsThis() or widget.statusTip():
            yield f"{name}: {widget!r} has a text of a kind that Qt guesses about"
        if isinstance(widget, QTextEdit) and not isinstance(widget, FlowText):
            yield f"{name}: {widget!r} shows HTML"
    for view in window.findChildren(QAbstractItemView):
        if "\u202e" in view.accessibleName():
            yield f"{name}: {view.accessibleName()[:40]!r}"


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:12].strip().replace("\n", " ") for text in HOSTILE])
def test_no_window_takes_a_name_for_anything_else(qtbot: QtBot, everything: Parts, text: str) -> None:
    assert isinstance(everything.library, ScriptedLibrary)
    windows = every_window(qtbot, everything, text, everything.library)
    found = [fault for name, window in windows.items() for fault in faults(name, window)]
    assert not found, "\n".join(found)
    wide = {name: window.minimumSizeHint().width() for name, window in windows.items()}
    assert not {name: width for name, width in wide.items() if width > 640}


def test_a_picture_in_a_name_is_never_looked_at(qtbot: QtBot, everything: Parts, tmp_path: Path) -> None:
    """Neither a file nor an address; the first part shows that Qt would open the file."""
    picture = tmp_path / "picture.png"
    image = QImage(300, 300, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    assert image.save(str(picture))
    os.utime(picture, (1_000, 2_000))
    unread = picture.stat().st_atime
    with socket.create_server(("127.0.0.1", 0)) as server:
        calls: list[object] = []
        server.settimeout(0.05)
        over = threading.Event()

        def listen() -> None:
            while not over.is_set():
                try:
                    calls.append(server.accept())
                except TimeoutError:
                    continue

        listener = threading.Thread(target=listen)
        listener.start()
        address = f"http://127.0.0.1:{server.getsockname()[1]}/x.png"
        text = f"<img src='{picture.as_uri()}'><img src='{picture}'><img src='{address}'>"
        try:
            assert isinstance(everything.library, ScriptedLibrary)
            windows = every_window(qtbot, everything, text, everything.library)
            for window in windows.values():
                qtbot.waitUntil(steady(lambda window=window: window.grab().size()), timeout=WAIT_MS)
                for _, said in tips(window):
                    QLabel(said).sizeHint()  # as Qt shows a tool tip: by a label that guesses
            assert picture.stat().st_atime == unread
            guessing = QLabel(text)
            assert guessing.sizeHint().height() >= 300
        finally:
            over.set()
            listener.join()
        assert not calls


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="Windows has no named pipes")
def test_no_text_opens_what_it_names(qtbot: QtBot, tmp_path: Path) -> None:
    """Even HTML that came into a text would open no file, no pipe and no share: Qt does, if it is given nothing."""
    picture, pipe = tmp_path / "picture.png", tmp_path / "pipe"
    image = QImage(300, 300, QImage.Format.Format_RGB32)
    image.fill(QColor("red"))
    assert image.save(str(picture))
    os.mkfifo(pipe)
    for kind in (FlowText, TableText, FormulaText):
        flow = kind(Theme(LIGHT, 1.0, 10.0))
        qtbot.addWidget(flow)
        flow.setHtml(f"<img src='{pipe}'><img src='{picture.as_uri()}'><img src='file://host/share/x.png'>x")
        flow.show()
        flow.grab()
        for file in (picture, pipe):
            for resource in QTextDocument.ResourceType:
                found = flow.document().resource(resource.value, QUrl.fromLocalFile(str(file)))
                assert found == "" or (isinstance(found, QImage) and found.isNull())
        assert flow.document().size().height() < 100


def test_an_ampersand_in_a_models_name_is_an_ampersand(qtbot: QtBot) -> None:
    button = ElidedButton("Models")
    qtbot.addWidget(button)
    button.resize(400, 40)
    button.set_full_text("R&D &Files")
    assert button.text() == "R&&D &&Files"
    assert button.shortcut().isEmpty()
    assert button.full_text == "R&D &Files"


def test_what_the_helper_does() -> None:
    assert shown("a\u202eb\u202cc\x07") == "abc "
    assert shown("\u2067a\u2069") == "\u2067a\u2069"
    assert shown("\u2067a") == shown("a\u2069") == "a"
    assert len(shown("x" * 9_000)) == LONGEST
    assert one_line(" a\n b\u2028c") == " a b c"
    assert without_keys("a & b") == "a && b"
    assert tip("Short.") == "Short."
    assert tip("  ") == ""
    assert "&lt;b&gt;" in tip("<b>")
    assert tip("words " * 40).startswith(OURS)


def test_long_tool_tips_are_no_wider_than_a_hand(qtbot: QtBot) -> None:
    for text in ("x" * 900, "words and words " * 60, "<b>" * 200, "/a/path" * 90, "Short.\n" + "y" * 300):
        label = QLabel(tip(text))
        qtbot.addWidget(label)
        label.setWordWrap("<" in tip(text))  # as Qt does
        assert label.sizeHint().width() < 640


def test_a_label_of_one_line_stays_one_line(qtbot: QtBot) -> None:
    label, wrapped = PlainLabel("one\ntwo"), PlainLabel("one\ntwo", wrap=True)
    qtbot.addWidget(label)
    qtbot.addWidget(wrapped)
    assert (label.text(), wrapped.text()) == ("one two", "one\ntwo")


def test_the_box_before_there_is_a_window_is_plain(qtbot: QtBot) -> None:
    box = message_box("Dewpoint", "<img src=x>")
    qtbot.addWidget(box)
    assert box.textFormat() == Qt.TextFormat.PlainText
    assert box.text() == "<img src=x>"


def test_there_is_one_helper() -> None:
    """No label, message box or tool tip of the program is made without it."""
    wrong = []
    for path in sorted(UI.rglob("*.py")):
        # Pages for paper are escaped HTML of our own, set in a process without a window.
        if path.name in ("plain.py", "pdf.py"):
            continue
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            called = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
            by_helper = called == "setToolTip" and isinstance(node.args[0], ast.Call)
            by_helper = by_helper and getattr(node.args[0].func, "id", "") == "tip"  # type: ignore[attr-defined]
            if called in (*GUESSING, "QLabel", "QMessageBox") or (called == "setToolTip" and not by_helper):
                wrong.append(f"{path.name}:{node.lineno} {called}")
    assert not wrong


def test_a_layout_that_asks_again_does_not_measure_again(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> None:
    """Odd letters are looked for in all fonts for each time they stand there; a new text or font counts at once."""
    asked: list[int] = []
    measure = QLabel.heightForWidth
    monkeypatch.setattr(QLabel, "heightForWidth", lambda self, width: (asked.append(width), measure(self, width))[1])
    label, plain = PlainLabel("some words " * 40, wrap=True), QLabel("some words " * 40)
    plain.setWordWrap(True)
    for widget in (label, plain):
        qtbot.addWidget(widget)
    assert {label.heightForWidth(width) for width in (200, 200, 300, 200)} == {
        measure(plain, 200),
        measure(plain, 300),
    }
    assert asked == [200, 300]
    for change in (lambda one: one.setText("other " * 90), lambda one: one.setStyleSheet("font-size: 30px"), larger):
        for widget in (label, plain):
            change(widget)
        assert label.heightForWidth(200) == measure(plain, 200)
        assert label.heightForWidth(200) != 0


def larger(label: QLabel) -> None:
    """Another font."""
    font = label.font()
    font.setPointSize(40)
    label.setStyleSheet("")
    label.setFont(font)


def test_tokens_a_second_stay_on_one_line(qtbot: QtBot) -> None:
    said = "Runs in INT4, about 38 tokens/s, streamed; 12 MB/s of a/side."
    label = PlainLabel(said, wrap=True)
    qtbot.addWidget(label)
    assert QLabel.text(label).count("/\u2060s") == 2
    assert label.text() == said
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    label.setSelection(0, len(said) + 2)
    assert label.selectedText() == said


@pytest.mark.parametrize("sign", ["\ue000", "/", "_", "a", "-/"])
def test_long_words_of_signs_take_no_square_of_their_length(sign: str) -> None:
    """A hundred thousand of them would take minutes, and a title of 120 took a millisecond in each row of a list."""
    text = sign * 100_000
    assert breakable(text).replace("\u200b", "") == text
    assert breakable(f"{sign * 20}x").replace("\u200b", "") == f"{sign * 20}x"
