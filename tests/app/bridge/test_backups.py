"""The daily backup: beside the window, whole or not there at all, whoever writes and whatever ends it."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport, StoppedError
from app.bridge.backups import Backups
from app.bridge.chat import ChatController
from app.chats import backup, texts
from app.chats.backup import backups_in, newest_sound_backup
from app.chats.history import HistoryStore
from tests.app.bridge.test_chat import controller, process, store
from tests.app.chats.support import bodies_in
from tests.helpers.waiting import NEVER_SECONDS, WAIT_MS, WAIT_SECONDS, wait_until

__all__ = ["controller", "process", "store"]
KILLED = """
import os, sys
from pathlib import Path
from app.chats import backup
from app.chats.history import HistoryStore
backup.PAGES = 1
seen = []
def stopped():
    seen.append(1)
    if len(seen) == 20:
        os._exit(9)
    return False
with HistoryStore.open(Path(sys.argv[1])) as store:
    store.backup_if_due(stopped)
"""


@pytest.fixture
def folder(store: HistoryStore) -> Path:
    """Of the backups; the history has some pages."""
    for number in range(40):
        store.add_user_message(None, f"{number} " + "word " * 2_000)
    return store.path.parent / "backups"


@pytest.fixture
def backups(store: HistoryStore, qtbot: QtBot) -> Iterator[Backups]:
    """As the window has them."""
    made = Backups(store)
    yield made
    made.close()
    assert made.end()


def test_it_is_made_in_another_thread(
    qtbot: QtBot, backups: Backups, folder: Path, store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A history of a gigabyte froze the window once a day."""
    threads: list[int] = []
    copied = backup.copy_history

    def watched(*arguments: object) -> None:
        threads.append(threading.get_ident())
        copied(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(backup, "copy_history", watched)
    backups.make_if_due()
    backups.make_if_due()
    qtbot.waitUntil(lambda: not backups.busy, timeout=WAIT_MS)
    assert len(threads) == 1
    assert threading.get_ident() not in threads
    (made,) = folder.iterdir()
    with HistoryStore.open(made) as copy:
        assert bodies_in(copy) == bodies_in(store)


def held(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A copy that goes on until it is stopped; gives what says that it has begun."""
    begun = threading.Event()
    copied = backup.copy_history

    def slow(source: object, target: Path, stopped: Callable[[], bool]) -> None:
        def look() -> bool:
            begun.set()
            wait_until(stopped, "the end of a copy")
            return stopped()

        copied(source, target, look)  # type: ignore[arg-type]

    monkeypatch.setattr(backup, "copy_history", slow)
    return begun


def test_closing_stops_it_and_leaves_nothing(backups: Backups, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = held(monkeypatch)
    problems: list[object] = []
    backups.problem.connect(problems.append)
    backups.make_if_due()
    assert begun.wait(WAIT_SECONDS)
    assert [file.suffix for file in folder.iterdir()] == [".tmp"]
    backups.close()
    assert backups.end()
    assert list(folder.iterdir()) == []
    assert problems == []


def test_the_window_writes_while_it_is_made(
    qtbot: QtBot, backups: Backups, folder: Path, store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = held(monkeypatch)
    backups.make_if_due()
    assert begun.wait(WAIT_SECONDS)
    store.add_user_message(None, "meanwhile")
    assert "meanwhile" in bodies_in(store).values()


def test_a_copy_with_a_log_is_of_one_moment(folder: Path, store: HistoryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody writes after every page, and it never begins anew."""
    monkeypatch.setattr(backup, "PAGES", 1)
    before, looks = bodies_in(store), []

    def stopped() -> bool:
        looks.append(1)
        if len(looks) < 50:
            store.add_user_message(None, f"later {len(looks)}")
        return False

    made = store.backup_if_due(stopped)
    assert len(looks) > 50
    assert made is not None
    with HistoryStore.open(made) as copy:
        assert bodies_in(copy) == before


def test_a_copy_without_a_log_is_given_up_when_somebody_writes_all_the_time(
    folder: Path, store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "PAGES", 1)
    store._db.execute("PRAGMA journal_mode = DELETE")
    monkeypatch.setattr(store._db.conn, "keeps_log", False)

    def stopped() -> bool:
        store.add_user_message(None, "again")
        return False

    with pytest.raises(StoppedError):
        store.backup_if_due(stopped)
    assert list(folder.iterdir()) == []
    assert store.backup_if_due() is not None


def test_the_check_of_the_copy_is_stopped_too(
    folder: Path, store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backup, "STEPS", 1)
    monkeypatch.setattr(backup, "PAGES", -1)
    looks: list[int] = []

    def stopped() -> bool:
        looks.append(1)
        return len(looks) > 1  # the copy is whole then

    with pytest.raises(StoppedError):
        store.backup_if_due(stopped)
    assert list(folder.iterdir()) == []


def test_a_kill_in_the_middle_leaves_no_backup_that_counts(folder: Path, store: HistoryStore) -> None:
    ended = subprocess.run([sys.executable, "-c", KILLED, str(store.path)], timeout=NEVER_SECONDS, check=False)
    assert ended.returncode == 9
    assert [file.suffix for file in folder.iterdir() if "-journal" not in file.name] == [".tmp"]
    assert backups_in(folder) == ()
    assert newest_sound_backup(folder) is None
    made = store.backup_if_due()
    assert list(folder.iterdir()) == [made]


@pytest.mark.parametrize("trouble", ["full", "gone"])
def test_what_keeps_it_from_being_made_is_said(
    qtbot: QtBot, backups: Backups, folder: Path, store: HistoryStore, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    if trouble == "full":
        monkeypatch.setattr(backup, "sync_file", full)
    else:
        store.path.rename(store.path.with_name("elsewhere"))
    with qtbot.waitSignal(backups.problem, timeout=WAIT_MS) as said:
        backups.make_if_due()
    assert said.args is not None
    assert said.args[0].text == (texts.STORE_FULL if trouble == "full" else texts.STORE_GONE)
    assert not folder.exists() or list(folder.iterdir()) == []


def test_upkeep_makes_one_and_closing_waits_for_none(
    controller: ChatController, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = held(monkeypatch)
    controller.on_upkeep_due()
    assert begun.wait(WAIT_SECONDS)
    controller.shut_down()
    assert list(folder.iterdir()) == []


def test_the_file_is_looked_through_once_a_day_and_damage_is_told(
    qtbot: QtBot, backups: Backups, folder: Path, store: HistoryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    problems: list[ErrorReport] = []
    backups.problem.connect(problems.append)
    backups.check_if_due()
    assert not backups.busy, "the start has just looked"
    store._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    with store.path.open("r+b") as file:
        file.seek(store.path.stat().st_size // 2)
        file.write(b"\xff" * 8192)
    backups._check_at = 0.0
    backups.check_if_due()
    qtbot.waitUntil(lambda: bool(problems), timeout=WAIT_MS)
    assert (problems[0].kind, problems[0].text) == ("known", texts.STORE_DAMAGE_SEEN)
    backups.check_if_due()
    qtbot.waitUntil(lambda: not backups.busy, timeout=WAIT_MS)
    assert len(problems) == 1
