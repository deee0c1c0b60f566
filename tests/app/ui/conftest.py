"""A window on a data folder of its own, with a scripted process."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from PySide6.QtCore import Qt, QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QWidget
from pytestqt.qtbot import QtBot

from app.base.paths import AppPaths
from app.library.answering import ModelChoice, ModelPhase
from app.library.services import LibraryServices
from app.main import Parts, build
from app.ui.models.models_window import ModelsWindow
from tests.helpers.fake_engines import FakeEngines
from tests.helpers.patience import hurried, patient_threads
from tests.helpers.qt_guard import delete_what_waits
from tests.helpers.scripted_gpu import ScriptedGpu
from tests.helpers.scripted_library import ScriptedLibrary
from tests.helpers.scripted_process import ScriptedModelProcess
from tests.helpers.waiting import WAIT_MS

__all__ = ["hurried", "patient_threads"]
MakeWindow = Callable[..., Parts]


@pytest.fixture(scope="session", autouse=True)
def application(qapp: QApplication) -> QApplication:
    """Fonts and colours need one, whatever test comes first; without it Qt aborts the interpreter."""
    return qapp


@pytest.fixture(scope="module", autouse=True)
def what_is_older_lives_on() -> None:
    """Collecting after each test looks at what its module made: all that a run has loaded takes it seconds."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def no_garbage() -> Iterator[None]:
    """What a test leaves of Qt is deleted here, and as in the program by no other thread (see `app.bridge.garbage`)."""
    gc.disable()
    yield
    delete_what_waits()
    gc.enable()


@pytest.fixture(autouse=True)
def nothing_held() -> Iterator[None]:
    """Qt takes Ctrl as held after a test that typed with it, and a button of the mouse after a double click."""
    yield
    if QGuiApplication.keyboardModifiers() != Qt.KeyboardModifier.NoModifier:
        QTest.keyRelease(QWidget(), Qt.Key.Key_Control, Qt.KeyboardModifier.NoModifier)
    if QGuiApplication.mouseButtons() != Qt.MouseButton.NoButton:
        QTest.mouseRelease(QWidget(), Qt.MouseButton.LeftButton)


@pytest.fixture
def process() -> ScriptedModelProcess:
    """The process of every model."""
    return ScriptedModelProcess()


@pytest.fixture
def fake_engines() -> FakeEngines:
    """What lies below the engine card."""
    return FakeEngines()


@pytest.fixture
def make_window(
    qapp: QApplication, process: ScriptedModelProcess, fake_engines: FakeEngines, dewpoint_home: Path
) -> Iterator[MakeWindow]:
    """Open a window; calling it again, after closing the first, is a restart."""
    with ExitStack() as stack:

        def make(
            show: bool = True,
            factory: Callable[[ModelChoice], ScriptedModelProcess] | None = None,
            services: LibraryServices | None = None,
        ) -> Parts:
            parts = build(
                qapp,
                AppPaths.resolve(),
                stack,
                backend="fake",
                factory=factory or (lambda choice: process),
                engine_tools=fake_engines.tools(),
                services=services,
            )
            stack.callback(discard, parts)
            if show:
                parts.window.resize(1000, 700)
                parts.window.show()
                parts.controller.start(parts.preferences.settings.last_chat)
            return parts

        yield make


def discard(parts: Parts) -> None:
    """End everything a window started."""
    for dialog in parts.window.findChildren(QDialog):
        dialog.close()
    parts.window.close()
    parts.window.pane.chat.show_messages(())
    for timer in parts.window.findChildren(QTimer):
        timer.stop()
    for timer in parts.preferences.findChildren(QTimer):
        timer.stop()
    parts.window.deleteLater()
    parts.controller.deleteLater()
    parts.engines.deleteLater()
    parts.library.deleteLater()
    parts.gpu.deleteLater()
    parts.updates.deleteLater()


@pytest.fixture
def scripted(make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """One window whose list of models is scripted."""
    monkeypatch.setattr("app.main.Library", ScriptedLibrary)
    return make_window()


@pytest.fixture
def everything(make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch) -> Parts:
    """One window whose models and add-on are scripted."""
    monkeypatch.setattr("app.main.Library", ScriptedLibrary)
    monkeypatch.setattr("app.main.GpuAddon", ScriptedGpu)
    return make_window()


@pytest.fixture
def library(scripted: Parts) -> ScriptedLibrary:
    """The script of `scripted`."""
    assert isinstance(scripted.library, ScriptedLibrary)
    return scripted.library


@pytest.fixture
def models(qtbot: QtBot, scripted: Parts) -> ModelsWindow:
    """The models window of `scripted`; nothing is known yet."""
    qtbot.waitUntil(lambda: scripted.controller.model.status.phase == ModelPhase.READY, timeout=WAIT_MS)
    scripted.window.actions_by_name["models"].trigger()
    assert scripted.window.models.page is not None
    return scripted.window.models.page


@pytest.fixture
def parts(make_window: MakeWindow) -> Parts:
    """One window."""
    return make_window()
