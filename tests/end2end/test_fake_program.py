"""`python -m app` as a program of its own, with the fake backend: smoke run, signals, kills, scaling."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import psutil
import pytest
from PySide6.QtGui import QImage

from app.chats.history import HistoryStore
from app.chats.messages import MessageState
from tests.end2end.conftest import StartProgram, engine_children
from tests.helpers.waiting import WAIT_SECONDS, wait_until


def test_smoke_prints_one_json_object(start_program: StartProgram, tmp_path: Path) -> None:
    picture, drafts = tmp_path / "picture.png", tmp_path / "drafts"
    program = start_program(
        "--backend",
        "fake:slow",
        "--smoke",
        "Hello\nthere",
        "--screenshot",
        str(picture),
        "--screenshot-drafts",
        str(drafts),
    )
    out, err = program.communicate(timeout=WAIT_SECONDS)
    assert program.returncode == 0, err
    facts = json.loads(out)
    assert facts["answer"].startswith("Dew forms")
    assert facts["text"] == "Hello\nthere"
    assert facts["modules"] == {"torch": False, "transformers": False}
    assert facts["drafts_seen"] >= 1, "of many that queue up only the newest is shown"
    assert facts["steps_per_block"] == [7]
    assert 0 < facts["input_ready_seconds"] < facts["total_seconds"]
    assert QImage(str(picture)).width() >= 1000
    assert list(drafts.iterdir())


def test_smoke_says_what_went_wrong(start_program: StartProgram) -> None:
    program = start_program("--backend", "fake:unloadable", "--smoke", "Hello")
    out, err = program.communicate(timeout=WAIT_SECONDS)
    assert program.returncode == 1
    assert out == ""
    assert "cannot be loaded" in err


@pytest.mark.slow
def test_smoke_at_150_percent(start_program: StartProgram, tmp_path: Path) -> None:
    picture = tmp_path / "picture.png"
    program = start_program(
        "--backend", "fake", "--smoke", "Hello", "--screenshot", str(picture), QT_SCALE_FACTOR="1.5"
    )
    _, err = program.communicate(timeout=WAIT_SECONDS)
    assert program.returncode == 0, err
    assert QImage(str(picture)).width() == 1120 * 1.5


def test_version(start_program: StartProgram) -> None:
    out, _ = start_program("--version").communicate(timeout=WAIT_SECONDS)
    assert out == "Dewpoint 0.1.0\n"


def test_an_unusable_data_folder_is_one_clear_sentence(start_program: StartProgram, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    program = start_program("--base-dir", str(tmp_path / "file"), "--smoke", "x")
    _, err = program.communicate(timeout=WAIT_SECONDS)
    assert program.returncode == 1
    assert "cannot write its data folder" in err


def start_answering(start_program: StartProgram, base: Path) -> tuple[int, list[psutil.Process]]:
    """A window in the middle of a long answer, and its model process."""
    program = start_program("--backend", "fake:slow,long", "--base-dir", str(base), "--smoke", "Go")
    wait_until(lambda: first_block_is_stored(base) or program.poll() is not None)
    assert program.poll() is None, program.communicate()
    engines = engine_children(program.pid)
    assert engines
    return program.pid, engines


def first_block_is_stored(base: Path) -> bool:
    """Whether a part of the answer is on the disk, seen from another process."""
    import sqlite3

    if not (base / "chats.sqlite3").exists():
        return False
    connection = sqlite3.connect(f"file:{base / 'chats.sqlite3'}?mode=ro", uri=True)
    try:
        return (
            connection.execute("SELECT COUNT(*) FROM message WHERE role = 'assistant' AND body <> ''").fetchone()[0] > 0
        )
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()


def all_gone(processes: list[psutil.Process]) -> bool:
    """Whether none of them runs."""
    return not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in processes)


@pytest.mark.parametrize("name", ["SIGTERM", pytest.param("SIGINT", marks=pytest.mark.slow)])
def test_a_signal_is_like_closing(start_program: StartProgram, tmp_path: Path, name: str) -> None:
    base = tmp_path / "home"
    pid, engines = start_answering(start_program, base)
    psutil.Process(pid).send_signal(getattr(signal, name))
    wait_until(lambda: all_gone([psutil.Process(pid), *engines]) if psutil.pid_exists(pid) else all_gone(engines))
    with HistoryStore.open(base / "chats.sqlite3") as store:
        last = store.messages(store.list_conversations()[0].id)[-1]
    assert last.state == MessageState.STOPPED
    assert last.body


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="POSIX")
def test_a_killed_window_leaves_no_engine(start_program: StartProgram, tmp_path: Path) -> None:
    base = tmp_path / "home"
    pid, engines = start_answering(start_program, base)
    psutil.Process(pid).kill()
    wait_until(lambda: all_gone(engines))
    with HistoryStore.open(base / "chats.sqlite3") as store:
        messages = store.messages(store.list_conversations()[0].id)
    assert [message.role for message in messages] == ["user", "assistant"]
    assert messages[-1].body
