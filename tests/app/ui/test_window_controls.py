"""Names, Tab, presets and models of the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QLineEdit,
    QPlainTextEdit,
    QTextBrowser,
    QWidget,
)
from pytestqt.qtbot import QtBot

from app.base import texts
from app.library.answering import ModelChoice, ModelPhase
from app.main import Parts
from app.ui.help.dialogs import AboutDialog, ShortcutsDialog
from app.ui.widgets.bug_dialog import BugDialog
from inference.events import Failed
from inference.params import SamplerParams
from tests.app.ui.conftest import MakeWindow
from tests.app.ui.sample import ANSWER, add_answer
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS

CONTROLS = (QAbstractButton, QAbstractItemView, QComboBox, QAbstractSpinBox, QPlainTextEdit, QTextBrowser)


def nameless(root: QWidget) -> Iterator[str]:
    """Controls below `root` that have no accessible name."""
    for widget in [root, *root.findChildren(QWidget)]:
        inner = (
            isinstance(widget, QLineEdit) or widget.objectName().startswith("qt_") or "QDialogButtonBox" in repr(widget)
        )
        if isinstance(widget, CONTROLS) and not inner and not widget.accessibleName():
            yield f"{type(widget).__name__} {widget.objectName()!r} in {type(widget.parent()).__name__}"


def test_every_control_has_an_accessible_name(qtbot: QtBot, parts: Parts) -> None:
    add_answer(parts, ANSWER)
    window = parts.window
    for opener in (
        window.settings.on_settings,
        window.help.on_shortcuts,
        window.help.on_about,
        window.engines.on_engines,
    ):
        opener()
    window.notices.report(texts_bug())
    roots = [window, *window.findChildren(QDialog)]
    assert len(roots) == 6
    missing = sorted({name for root in roots for name in nameless(root)})
    assert not missing, "\n".join(missing)


def texts_bug():  # type: ignore[no-untyped-def]
    """A report of a bug."""
    from app.base.errors import ErrorReport

    return ErrorReport("bug", texts.BUG, texts.BUG_HINT, "Traceback ...")


def test_everything_can_be_reached_by_tab(qtbot: QtBot, parts: Parts) -> None:
    add_answer(parts, ANSWER)
    parts.window.activateWindow()
    seen: set[str] = set()
    parts.window.pane.composer.box.setFocus()
    for _ in range(40):
        focused = QApplication.focusWidget()
        if focused is None:
            pytest.skip("this platform gives no focus")
        seen.add(focused.accessibleName())
        qtbot.keyClick(focused, Qt.Key.Key_Tab)
    assert {"Message box", "New chat", "Chats", "Copy answer", "Copy code", "Hide or show the chat list"} <= seen


def test_the_preset_and_seed_reach_the_model(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    parts.preferences.set(preset="fast", seed_mode="fixed", seed=42)
    parts.controller.send("Hi")
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert process.requests[0].seed == 42
    assert process.requests[0].sampler == SamplerParams(steps_divisor=3)


def test_the_dialogs_say_what_they_should(qtbot: QtBot, parts: Parts) -> None:
    for dialog in (ShortcutsDialog(parts.window), AboutDialog(parts.themes.theme, parts.window)):
        dialog.show()
        assert dialog.windowTitle()
        dialog.close()
    report = BugDialog(texts_bug(), parts.themes.theme, parts.window)
    assert "Traceback ..." in report.report_text()
    report.close()


def test_an_invalid_model_folder_keeps_the_old_model(qtbot: QtBot, make_window: MakeWindow, tmp_path: Path) -> None:
    good, bad = (
        ScriptedModelProcess(),
        ScriptedModelProcess(loading=[Failed("No model here.", "Choose another.", known=True)]),
    )

    def factory(choice: ModelChoice) -> ScriptedModelProcess:
        return bad if choice.folder == tmp_path else good

    parts = make_window(factory=factory)
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    parts.window.models.open_model(tmp_path)
    qtbot.waitUntil(parts.window.pane.notice.isVisible, timeout=WAIT_MS)
    assert parts.window.pane.notice.text == "No model here. Choose another."
    assert parts.controller.model.status.phase == ModelPhase.READY
    assert bad.closed
    assert not good.closed
    parts.controller.send("Still there?")
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert len(good.requests) == 1


def test_a_first_model_that_fails_is_named_in_the_header(qtbot: QtBot, make_window: MakeWindow) -> None:
    broken = ScriptedModelProcess(loading=[Failed("No model here.", "Choose another.", known=True)])
    parts = make_window(factory=lambda choice: broken)
    qtbot.waitUntil(lambda: parts.controller.model.status.phase == ModelPhase.FAILED, timeout=WAIT_MS)
    assert parts.window.pane.header.state.text() == "No model here. Choose another."


def test_an_example_is_sent_by_a_click(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    button = parts.window.pane.empty.examples[1]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert process.requests[0].turns[-1].text == button.text()
