"""The settings dialog: every change holds at once, and after a restart."""

from __future__ import annotations

from pathlib import Path

from pytestqt.qtbot import QtBot

from app.base.settings import DECLARATIONS
from app.main import Parts
from app.ui.settings.dialog import SettingsDialog
from tests.app.ui.conftest import MakeWindow


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
