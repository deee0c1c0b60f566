"""Keys, names, looks and settings of the window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
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
from app.base.settings import DECLARATIONS
from app.library.answering import ModelChoice, ModelPhase
from app.main import Parts
from app.ui.help import words
from app.ui.help.dialogs import AboutDialog, ShortcutsDialog
from app.ui.settings.dialog import SettingsDialog
from app.ui.widgets.bug_dialog import BugDialog
from app.ui.widgets.colours import DARK, LIGHT
from inference.events import Failed
from tests.app.ui.conftest import MakeWindow
from tests.app.ui.sample import ANSWER, add_answer
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS

CONTROLS = (QAbstractButton, QAbstractItemView, QComboBox, QAbstractSpinBox, QPlainTextEdit, QTextBrowser)
# Keys that a panel handles itself, and where that is tested.
PANEL_KEYS = {"Enter": "composer", "Shift+Enter": "composer", "Delete": "chat list"}


def nameless(root: QWidget) -> Iterator[str]:
    """Controls below `root` that have no accessible name."""
    for widget in [root, *root.findChildren(QWidget)]:
        inner = (
            isinstance(widget, QLineEdit) or widget.objectName().startswith("qt_") or "QDialogButtonBox" in repr(widget)
        )
        if isinstance(widget, CONTROLS) and not inner and not widget.accessibleName():
            yield f"{type(widget).__name__} {widget.objectName()!r} in {type(widget.parent()).__name__}"


def test_every_shortcut_of_the_table_exists(parts: Parts) -> None:
    bound = {key.toString() for action in parts.window.actions_by_name.values() for key in action.shortcuts()}
    for shortcut in words.SHORTCUTS:
        if shortcut.keys in PANEL_KEYS:
            continue
        keys = shortcut.keys.replace("Plus", "+").replace("Minus", "-").replace("PageDown", "PgDown")
        keys = keys.replace("PageUp", "PgUp")
        assert QKeySequence(keys).toString() in bound, shortcut


def test_every_shortcut_of_the_menus_stands_in_the_table(parts: Parts) -> None:
    known = {s.keys.replace("Plus", "+").replace("Minus", "-").replace("Page", "Pg") for s in words.SHORTCUTS}
    known = {QKeySequence(keys).toString() for keys in known}
    for action in parts.window.actions_by_name.values():
        if action.shortcuts():
            assert action.shortcuts()[0].toString() in known, action.text()


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


def test_light_and_dark(qapp: QApplication, parts: Parts) -> None:
    chat = add_answer(parts, ANSWER)
    parts.preferences.set(appearance="dark")
    assert parts.themes.theme.tokens is DARK
    assert qapp.palette().window().color().name() == DARK.window
    parts.preferences.set(appearance="light")
    assert parts.themes.theme.tokens is LIGHT
    assert parts.controller.chat_id == chat


def test_the_system_decides_unless_the_user_did(parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts.themes, "system_is_dark", lambda: True)
    parts.themes.on_system_scheme_changed()
    assert parts.themes.theme.dark
    parts.preferences.set(appearance="light")
    assert not parts.themes.theme.dark
    parts.preferences.set(appearance="system")
    assert parts.themes.theme.dark


def test_contrast_of_text() -> None:
    for tokens in (LIGHT, DARK):
        for text in (tokens.text, tokens.muted, tokens.accent, tokens.danger):
            for surface in (tokens.window, tokens.sidebar, tokens.surface):
                assert contrast(text, surface) >= 4.5, (tokens.dark, text, surface)
        assert contrast(tokens.accent_text, tokens.accent) >= 4.5
        assert contrast(tokens.tooltip_text, tokens.tooltip) >= 4.5


def contrast(one: str, two: str) -> float:
    """Ratio by WCAG."""
    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def luminance(color: str) -> float:
    """Relative luminance of #rrggbb."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_the_settings_dialog_applies(parts: Parts) -> None:
    dialog = SettingsDialog(parts.preferences, parts.window)
    assert set(dialog.editors) == {each.name for each in DECLARATIONS if each.in_dialog}
    drafts, motion, seed = (dialog.editors[name] for name in ("drafts", "reduce_motion", "seed"))
    drafts.setCurrentIndex(drafts.findData("calm"))  # type: ignore[union-attr]
    motion.setChecked(True)  # type: ignore[union-attr]
    settings = parts.preferences.settings
    assert (settings.drafts, settings.reduce_motion) == ("calm", True)
    assert parts.window.actions_by_name["calm"].isChecked()
    assert not seed.isEnabled()
    mode = dialog.editors["seed_mode"]
    mode.setCurrentIndex(mode.findData("fixed"))  # type: ignore[union-attr]
    assert seed.isEnabled()
    parts.window.actions_by_name["calm"].trigger()
    assert drafts.currentData() == "full"  # type: ignore[union-attr]
    dialog.defaults.click()
    assert not parts.preferences.settings.reduce_motion
    dialog.close()


def test_settings_survive_a_restart(qtbot: QtBot, make_window: MakeWindow, dewpoint_home: Path) -> None:
    first = make_window()
    first.preferences.set(appearance="dark", text_scale=120)
    first.window.close()
    first.store.close()
    second = make_window()
    assert second.preferences.settings.text_scale == 120
    assert second.themes.theme.dark


def test_the_preset_and_seed_reach_the_engine(qtbot: QtBot, parts: Parts, process: ScriptedModelProcess) -> None:
    parts.preferences.set(preset="fast", seed_mode="fixed", seed=42)
    parts.controller.send("Hi")
    qtbot.waitUntil(lambda: not parts.controller.busy, timeout=WAIT_MS)
    assert process.requests[0].seed == 42
    assert process.requests[0].sampler.max_denoising_steps == 16


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
