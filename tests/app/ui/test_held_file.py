"""A start whose chat file another program holds: the user is told at once, and there are two ways out."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication

from app.base.errors import StoppedError
from app.base.paths import AppPaths
from app.chats.backup import backups_in
from app.chats.connections import BUSY_SECONDS, busy_seconds
from app.chats.database import Examination, Health
from app.chats.errors import NewerDatabaseError, StoreBusyError
from app.chats.history import HistoryStore
from app.main import build
from app.ui.chat import held_file, words
from app.ui.chat.held_file import HeldFile
from tests.app.ui.conftest import MakeWindow


@pytest.fixture
def holder(dewpoint_home: Path) -> Iterator[sqlite3.Connection]:
    """Another program, which holds the chat file."""
    paths = AppPaths.resolve().ensure()
    with HistoryStore.open(paths.data_file, paths.backups) as store:
        store.add_user_message(None, "kept")
    with closing(sqlite3.connect(paths.data_file, isolation_level=None)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")
        other.execute("BEGIN EXCLUSIVE")
        other.execute("UPDATE app_meta SET value = value")
        yield other


def when_told(do: Callable[[HeldFile], object]) -> list[str]:
    """Do something once the dialog is on the screen; gives the texts that were read, later."""
    read: list[str] = []
    look = QTimer(QApplication.instance())

    def on_look() -> None:
        for dialog in QApplication.topLevelWidgets():
            if isinstance(dialog, HeldFile) and dialog.isVisible():
                look.stop()
                read.extend([dialog.head.text(), dialog.column.itemAt(0).widget().text()])
                do(dialog)

    look.timeout.connect(on_look)
    look.start(10)
    return read


def test_a_held_file_is_told_and_waited_for(
    holder: sqlite3.Connection, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program waited five seconds for each step, with nothing on the screen, and then gave up."""
    waits: list[float] = []
    monkeypatch.setattr(held_file, "LOOK_MS", 10)
    opened = HistoryStore.open.__func__  # type: ignore[attr-defined]

    def open_it(cls: type[HistoryStore], *arguments: object) -> HistoryStore:
        waits.append(float(str(arguments[-1])))
        if len(waits) == 3:
            holder.close()
        return opened(cls, *arguments)  # type: ignore[no-any-return]

    monkeypatch.setattr(HistoryStore, "open", classmethod(open_it))
    read = when_told(lambda dialog: None)
    parts = make_window()
    assert parts.store.list_conversations()[0].title == "kept"
    assert read == [words.HELD_TITLE, words.held_detail(str(parts.store.path))]
    assert waits == [held_file.PATIENCE] * 3
    assert parts.window.isVisible()


def test_the_user_need_not_wait(holder: sqlite3.Connection, make_window: MakeWindow) -> None:
    when_told(lambda dialog: dialog.quit.click())
    with pytest.raises(StoppedError):
        make_window()


def test_another_trouble_ends_the_wait(
    holder: sqlite3.Connection, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def newer(*_: object) -> None:
        raise NewerDatabaseError("newer")

    monkeypatch.setattr(held_file, "LOOK_MS", 10)
    when_told(lambda dialog: monkeypatch.setattr(HistoryStore, "open", newer))
    with pytest.raises(NewerDatabaseError):
        make_window()


def test_a_look_waits_for_no_step(holder: sqlite3.Connection) -> None:
    """Every connection that is made meanwhile is as impatient; those made later are not."""
    paths = AppPaths.resolve()
    seen: list[int] = []
    connect = sqlite3.connect

    def watched(*arguments: object, **values: object) -> sqlite3.Connection:
        seen.append(round(1000 * float(str(values["timeout"]))))
        return connect(*arguments, **values)  # type: ignore[call-overload, no-any-return]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sqlite3, "connect", watched)
        with pytest.raises(StoreBusyError):
            HistoryStore.open(paths.data_file, paths.backups, held_file.PATIENCE)
    assert seen
    assert set(seen) == {50}
    assert busy_seconds() == BUSY_SECONDS


def test_looks_at_an_older_file_make_no_backups(dewpoint_home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that can be read but not written would have been backed up at every look, and pushed the older ones out."""
    paths = AppPaths.resolve().ensure()
    HistoryStore.open(paths.data_file, paths.backups).close()
    monkeypatch.setattr("app.chats.opening.examine", lambda path: Examination(Health.OLDER))
    with closing(sqlite3.connect(paths.data_file, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            with pytest.raises(StoreBusyError):
                HistoryStore.open(paths.data_file, paths.backups, held_file.PATIENCE)
    assert backups_in(paths.backups) == ()


def test_a_run_that_nobody_sees_does_not_wait(holder: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.chats.connections.BUSY_SECONDS", 0.01)
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    with ExitStack() as stack, pytest.raises(StoreBusyError):
        build(application, AppPaths.resolve(), stack, backend="fake", waits=False)
