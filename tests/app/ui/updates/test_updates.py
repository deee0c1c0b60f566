"""Help > Check for updates, in the real window, against a page of releases on this machine."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QUrl
from PySide6.QtGui import QGuiApplication
from pytestqt.qtbot import QtBot

from app import __version__
from app.base.settings import Settings
from app.bridge import updates as updates_bridge
from app.main import Parts
from app.ui.updates import words
from app.ui.updates.dialog import UpdateDialog
from app.updates import texts
from app.updates.values import UpdateState
from tests.app.conftest import SetKind
from tests.app.ui.conftest import MakeWindow
from tests.helpers.release_server import CHANGES, ReleaseServer
from tests.helpers.waiting import WAIT_MS, steady

PACKAGE = b"a package" * 100_000


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is opened in other programs."""
    seen: list[str] = []
    monkeypatch.setattr(
        "app.ui.widgets.outside.QDesktopServices.openUrl", lambda url: seen.append(QUrl(url).toString())
    )
    return seen


def dialog_of(parts: Parts) -> UpdateDialog:
    """The dialog, opened by the menu."""
    parts.window.actions_by_name["updates"].trigger()
    return parts.window.findChildren(UpdateDialog)[0]


def shown(dialog: UpdateDialog) -> list[str]:
    """The buttons."""
    buttons = (dialog.page_button, dialog.again, dialog.download, dialog.stop, dialog.install)
    return [button.text() for button in buttons if not button.isHidden()]


def reach(qtbot: QtBot, parts: Parts, state: UpdateState) -> None:
    """Wait for a state."""
    qtbot.waitUntil(lambda: parts.updates.status.state is state, timeout=WAIT_MS)


def test_a_package_for_linux(
    qtbot: QtBot, parts: Parts, server: ReleaseServer, set_kind: SetKind, opened: list[str]
) -> None:
    set_kind("deb")
    server.publish("9.0.0", deb=PACKAGE, windows=b"exe")
    dialog = dialog_of(parts)
    assert dialog.state.text() == words.ASKING
    reach(qtbot, parts, UpdateState.NEWER)
    assert dialog.state.text() == f"Dewpoint 9.0.0 of 2026-12-01 is there; you have {__version__}."
    assert dialog.news.toPlainText() == "\n".join(f"\u2022 {change}" for change in CHANGES)
    assert shown(dialog) == [words.ON_THE_WEB, words.download("1 MB")]
    assert dialog.download.isDefault()
    dialog.page_button.click()
    assert opened == [f"{server.releases}/tag/v9.0.0"]
    server.gate.clear()
    dialog.download.click()
    assert shown(dialog) == [words.ON_THE_WEB, words.STOP]
    assert dialog.bar.isVisible()
    dialog.stop.click()
    assert dialog.step.text() == words.STOPPING
    assert not dialog.stop.isEnabled()
    reach(qtbot, parts, UpdateState.NEWER)
    server.gate.set()
    dialog.download.click()
    reach(qtbot, parts, UpdateState.READY)
    package = parts.updates.status.found
    assert package is not None
    assert package.fetched is not None
    assert dialog.package.command.text() == f"sudo apt install {package.fetched}"
    assert shown(dialog) == [words.ON_THE_WEB]
    dialog.package.copy_button.click()
    assert QGuiApplication.clipboard().text() == dialog.package.command.text()
    dialog.package.show_button.click()
    assert opened[-1] == QUrl.fromLocalFile(str(package.fetched.parent)).toString()
    dialog.close()
    qtbot.waitUntil(lambda: not parts.window.findChildren(UpdateDialog), timeout=WAIT_MS)
    asked = len(server.seen)
    again = dialog_of(parts)
    assert again.package.isVisible(), "what is here is told at once"
    assert len(server.seen) == asked


def test_a_setup_for_windows_is_started_and_the_program_closes(
    qtbot: QtBot, parts: Parts, server: ReleaseServer, set_kind: SetKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_kind("windows")
    started: list[Path] = []
    monkeypatch.setattr("app.ui.updates.coordinator.start_setup", started.append)
    server.publish("9.0.0", windows=PACKAGE)
    dialog = dialog_of(parts)
    reach(qtbot, parts, UpdateState.NEWER)
    dialog.download.click()
    reach(qtbot, parts, UpdateState.READY)
    assert shown(dialog) == [words.ON_THE_WEB, words.CLOSE_AND_INSTALL]
    assert dialog.package.command.isHidden()
    assert parts.window.isVisible()
    with qtbot.waitSignal(parts.window.closed, timeout=WAIT_MS):
        dialog.install.click()
    assert [path.name for path in started] == ["dewpoint-9.0.0-setup.exe"]
    assert started[0].read_bytes() == PACKAGE


def test_a_setup_that_does_not_start(qtbot: QtBot, parts: Parts, server: ReleaseServer, set_kind: SetKind) -> None:
    set_kind("windows")
    server.publish("9.0.0", windows=PACKAGE)
    dialog = dialog_of(parts)
    reach(qtbot, parts, UpdateState.NEWER)
    dialog.download.click()
    reach(qtbot, parts, UpdateState.READY)
    dialog.install.click()
    qtbot.waitUntil(lambda: not parts.window.pane.notice.isHidden(), timeout=WAIT_MS)
    assert "could not be started" in parts.window.pane.notice.text
    assert texts.NOT_STARTED_HINT in parts.window.pane.notice.text
    assert parts.window.isVisible()


def test_nothing_newer_and_asked_again(qtbot: QtBot, parts: Parts, server: ReleaseServer) -> None:
    server.publish(__version__, deb=PACKAGE)
    dialog = dialog_of(parts)
    reach(qtbot, parts, UpdateState.CURRENT)
    assert dialog.state.text() == texts.newest(__version__)
    assert dialog.news.isHidden()
    assert shown(dialog) == [words.AGAIN]
    server.publish("9.0.0", deb=PACKAGE)
    dialog.again.click()
    reach(qtbot, parts, UpdateState.NEWER)
    assert "no package of 9.0.0 for this kind of installation" in dialog.state.text()
    assert shown(dialog) == [words.ON_THE_WEB]


def test_a_checkout_says_how_it_is_updated(qtbot: QtBot, parts: Parts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEWPOINT_RELEASES", raising=False)
    dialog = dialog_of(parts)
    reach(qtbot, parts, UpdateState.NOBODY)
    assert dialog.state.text() == f"{texts.GIT_UPDATES} {texts.GIT_UPDATES_HINT}"
    assert dialog.trouble.isHidden()  # nothing is wrong
    assert shown(dialog) == []
    parts.window.updates.on_updates()  # asked once more, it is the same
    reach(qtbot, parts, UpdateState.NOBODY)
    assert parts.preferences.settings.updates_asked == ""


def test_offline_says_so(qtbot: QtBot, parts: Parts, server: ReleaseServer) -> None:
    parts.preferences.set(offline=True)
    dialog = dialog_of(parts)
    qtbot.waitUntil(lambda: dialog.trouble.isVisible(), timeout=WAIT_MS)
    assert "stay offline" in dialog.trouble.text.text()
    assert server.seen == []


def test_the_switch_is_the_setting(parts: Parts, server: ReleaseServer) -> None:
    assert Settings().update_check == "click"
    dialog = dialog_of(parts)
    assert not dialog.weekly.isChecked()
    dialog.weekly.click()
    assert parts.preferences.settings.update_check == "weekly"
    parts.preferences.set(update_check="click")
    assert not dialog.weekly.isChecked()


def test_the_weekly_look_tells_once_in_a_notice(
    qtbot: QtBot, make_window: MakeWindow, server: ReleaseServer, set_kind: SetKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_kind("deb")
    monkeypatch.setattr(updates_bridge, "LOOK_MS", 20)
    server.publish("9.0.0", deb=PACKAGE)
    parts = make_window()
    parts.preferences.set(update_check="weekly")
    notice = parts.window.pane.notice
    qtbot.waitUntil(lambda: not notice.isHidden(), timeout=WAIT_MS)
    assert notice.text == words.told("9.0.0")
    assert not parts.window.findChildren(UpdateDialog), "no dialog comes by itself"
    notice.action.click()
    dialog = parts.window.findChildren(UpdateDialog)[0]
    assert dialog.news.toPlainText().count("\u2022") == len(CHANGES)
    assert len(server.seen) == 1
    parts.window.close()
    parts.preferences.set(updates_asked="")
    parts.preferences.flush()
    again = make_window()
    reach(qtbot, again, UpdateState.NEWER)
    qtbot.waitUntil(steady(again.window.pane.notice.isHidden), timeout=WAIT_MS)
    assert again.window.pane.notice.isHidden(), "of this version it was told before"
