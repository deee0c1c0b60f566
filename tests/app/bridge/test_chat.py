"""Worker thread, slot and controller, without a window."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from PySide6.QtCore import QCoreApplication, QThread, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.base import texts
from app.base.errors import ErrorReport
from app.base.settings import Settings
from app.base.settings_file import SettingsFile
from app.bridge.chat import ChatController
from app.bridge.latest import LatestSlot
from app.bridge.model_process import ModelEvent, ModelThread, NewestDraft
from app.bridge.preferences import Preferences
from app.chats import texts as chat_texts
from app.chats.errors import StoreFullError
from app.chats.history import HistoryStore
from app.chats.messages import MessageState
from app.chats.recordings import Recordings
from app.library import texts as library_texts
from app.library.answering import ModelChoice, folder_choice
from inference.events import BlockCommitted, Failed, Finished, ModelLoading, ModelReady
from inference.params import ChatTurn, GenerationRequest, SamplerParams
from tests.helpers.scripted_process import ScriptedModelProcess, committed, draft, finished, simple_answer
from tests.helpers.waiting import WAIT_MS, WAIT_SECONDS

CHOICE = ModelChoice(None, "fake", "Fake")
REQUEST = GenerationRequest((ChatTurn("user", "Hi"),))


class Listener:
    """Collects what a worker thread emits."""

    def __init__(self, worker: ModelThread) -> None:
        self.events: list[ModelEvent] = []
        self.drafts: list[NewestDraft] = []
        self.order: list[str] = []
        worker.event_arrived.connect(self.on_event)
        worker.draft_arrived.connect(self.on_draft)

    def on_event(self, arrived: ModelEvent) -> None:
        """Keep it."""
        assert QThread.currentThread() is QCoreApplication.instance().thread()  # type: ignore[union-attr]
        self.events.append(arrived)
        self.order.append(type(arrived.event).__name__)

    def on_draft(self, arrived: NewestDraft) -> None:
        """Keep it."""
        self.drafts.append(arrived)
        self.order.append(f"draft of block {arrived.draft.block}")

    def closing(self) -> list[str]:
        """Names of the closing events."""
        return [name for name in self.order if name in ("Failed", "Finished", "ModelReady")]


@pytest.fixture
def process() -> ScriptedModelProcess:
    """The process of every model."""
    return ScriptedModelProcess()


@pytest.fixture
def worker(qapp: QApplication, process: ScriptedModelProcess) -> Iterator[ModelThread]:
    """A running worker thread."""
    thread = ModelThread(lambda choice: process)
    yield thread
    assert thread.shut_down()
    assert process.closed or not thread._worker._process


def test_the_slot_keeps_the_newest() -> None:
    slot: LatestSlot[int] = LatestSlot()
    assert slot.take() is None
    slot.put(1)
    slot.put(2)
    assert slot.take() == 2
    assert slot.take() is None


def test_events_arrive_in_the_windows_thread(qtbot: QtBot, worker: ModelThread) -> None:
    heard = Listener(worker)
    worker.load(CHOICE)
    worker.answer(REQUEST)
    qtbot.waitUntil(lambda: heard.closing() == ["ModelReady", "Finished"], timeout=WAIT_MS)
    assert not worker._poll.isActive()


def test_the_last_draft_of_a_block_comes_before_its_commit(
    qtbot: QtBot, worker: ModelThread, process: ScriptedModelProcess
) -> None:
    heard = Listener(worker)
    process.answer = [draft([" a"]), committed("a "), draft([" b"], block=1), committed("b", block=1), finished("a b")]
    worker.load(CHOICE)
    worker.answer(REQUEST)
    qtbot.waitUntil(lambda: "Finished" in heard.order, timeout=WAIT_MS)
    blocks = [name for name in heard.order if name.startswith("draft") or name == "BlockCommitted"]
    if "draft of block 0" in blocks:
        assert blocks.index("draft of block 0") < blocks.index("BlockCommitted")
    if "draft of block 1" in blocks:
        assert blocks.index("draft of block 1") > blocks.index("BlockCommitted")


@pytest.mark.log_allowed("bridge: task")
@pytest.mark.parametrize("error", [RuntimeError("CUDA"), MemoryError("bad"), ValueError("x")])
def test_no_exception_vanishes(
    qtbot: QtBot, worker: ModelThread, process: ScriptedModelProcess, error: Exception
) -> None:
    heard = Listener(worker)
    worker.load(CHOICE)
    process.answer = [error]
    worker.answer(REQUEST)
    qtbot.waitUntil(lambda: heard.closing() == ["ModelReady", "Failed"], timeout=WAIT_MS)
    failed = heard.events[-1].event
    assert isinstance(failed, Failed)
    if isinstance(error, MemoryError):
        assert (failed.user_text, failed.known) == (texts.OUT_OF_MEMORY, True)
    else:
        assert type(error).__name__ in failed.detail


@pytest.mark.log_allowed("bridge: task")
def test_a_process_that_cannot_even_be_made_is_a_failure(qtbot: QtBot) -> None:
    def make(choice: ModelChoice) -> ScriptedModelProcess:
        raise RuntimeError("no such thing")

    thread = ModelThread(make)
    heard = Listener(thread)
    thread.load(CHOICE)
    qtbot.waitUntil(lambda: heard.closing() == ["Failed"], timeout=WAIT_MS)
    failed = heard.events[-1].event
    assert isinstance(failed, Failed)
    assert "no such thing" in failed.detail
    assert thread.shut_down()


def test_a_generator_that_just_ends_is_a_failure(
    qtbot: QtBot, worker: ModelThread, process: ScriptedModelProcess
) -> None:
    heard = Listener(worker)
    process.answer = [committed("half")]
    worker.load(CHOICE)
    worker.answer(REQUEST)
    qtbot.waitUntil(lambda: heard.closing() == ["ModelReady", "Failed"], timeout=WAIT_MS)


def test_a_job_cancelled_before_it_began_never_reaches_the_engine(
    qtbot: QtBot, worker: ModelThread, process: ScriptedModelProcess
) -> None:
    heard = Listener(worker)
    process.load_gate.clear()
    worker.load(CHOICE)
    worker.answer(REQUEST).cancel.set()
    process.load_gate.set()
    qtbot.waitUntil(lambda: heard.closing() == ["ModelReady", "Finished"], timeout=WAIT_MS)
    assert process.requests == []


def test_an_answer_without_a_model_says_so(qtbot: QtBot, worker: ModelThread) -> None:
    heard = Listener(worker)
    worker.answer(REQUEST)
    qtbot.waitUntil(lambda: heard.closing() == ["Failed"], timeout=WAIT_MS)


LOST = Failed("The process ended.", "Try again.", known=True, engine_lost=True)


def test_what_waits_for_a_model_that_does_not_load_is_asked_of_no_other(
    qtbot: QtBot, worker: ModelThread, process: ScriptedModelProcess
) -> None:
    heard = Listener(worker)
    worker.load(CHOICE)
    qtbot.waitUntil(lambda: heard.closing() == ["ModelReady"], timeout=WAIT_MS)
    process.loading, process.measured = [LOST], -1
    worker.load(CHOICE)
    tasks = [worker.answer(REQUEST), worker.measure(REQUEST)]
    qtbot.waitUntil(lambda: heard.closing() == ["ModelReady", "Failed", "Failed", "Failed"], timeout=WAIT_MS)
    failed = Failed(LOST.user_text, chat_texts.asks_another_hint("Scripted model"), known=True)
    assert heard.events[-2:] == [ModelEvent(task.number, failed) for task in tasks]
    assert process.requests == []
    worker.answer(REQUEST)  # with the failure known
    qtbot.waitUntil(lambda: "Finished" in heard.order, timeout=WAIT_MS)


@pytest.mark.parametrize("begun", [True, False])
def test_what_waits_for_a_model_that_is_given_up_is_asked_of_no_other(
    qtbot: QtBot, worker: ModelThread, process: ScriptedModelProcess, begun: bool
) -> None:
    heard = Listener(worker)
    worker.load(CHOICE)
    qtbot.waitUntil(lambda: heard.closing() == ["ModelReady"], timeout=WAIT_MS)
    process.load_gate.clear()
    load, started = worker.load(CHOICE), heard.order.count("ModelLoading")
    worker.answer(REQUEST)
    if begun:
        qtbot.waitUntil(lambda: heard.order.count("ModelLoading") > started, timeout=WAIT_MS)
    load.cancel.set()
    qtbot.waitUntil(lambda: heard.closing() == ["ModelReady", "Finished", "Failed"], timeout=WAIT_MS)
    failed = heard.events[-1].event
    assert isinstance(failed, Failed)
    assert failed.user_text == chat_texts.NOT_LOADED
    assert process.requests == []


def test_what_waits_for_the_first_model_is_asked_of_it_also_if_it_has_to_be_loaded_anew(
    qtbot: QtBot, worker: ModelThread, process: ScriptedModelProcess
) -> None:
    heard = Listener(worker)
    process.loading = [LOST]
    worker.load(CHOICE)
    worker.answer(REQUEST)
    qtbot.waitUntil(lambda: heard.closing() == ["Failed", "Finished"], timeout=WAIT_MS)


@pytest.mark.usefixtures("hurried")
def test_a_worker_that_hangs_is_killed(qtbot: QtBot, worker: ModelThread, process: ScriptedModelProcess) -> None:
    never, hanging = threading.Event(), threading.Event()

    def hang(request: GenerationRequest, cancel: threading.Event | None = None) -> Iterator[Finished]:
        hanging.set()
        never.wait(WAIT_SECONDS)
        yield finished("")

    process.generate = hang  # type: ignore[method-assign]
    process.kill = never.set  # type: ignore[method-assign]
    heard = Listener(worker)
    worker.load(CHOICE)
    qtbot.waitUntil(lambda: "ModelReady" in heard.order, timeout=WAIT_MS)
    worker.answer(REQUEST)
    qtbot.waitUntil(hanging.is_set, timeout=WAIT_MS)
    assert worker.shut_down()


# -- controller ------------------------------------------------------------------------------------------------------


@pytest.fixture
def store(tmp_path: Path) -> Iterator[HistoryStore]:
    """A history of its own."""
    with HistoryStore.open(tmp_path / "chats.sqlite3") as history:
        yield history


@pytest.fixture
def controller(
    qapp: QApplication, store: HistoryStore, process: ScriptedModelProcess, tmp_path: Path
) -> Iterator[ChatController]:
    """A started controller."""
    preferences = Preferences(SettingsFile(tmp_path / "settings.json"), Settings())
    made = ChatController(store, lambda choice: process, CHOICE, preferences, Recordings(tmp_path / "r.sqlite3"))
    made.start()
    yield made
    made.shut_down()
    made.answering._retry.stop()
    preferences.flush()


def wait_until_idle(qtbot: QtBot, controller: ChatController) -> None:
    """The answer is complete."""
    qtbot.waitUntil(lambda: not controller.busy, timeout=WAIT_MS)


def test_nobody_is_told_of_the_last_writes(
    qtbot: QtBot, controller: ChatController, store: HistoryStore, process: ScriptedModelProcess
) -> None:
    process.load_gate.clear()  # so that an answer is in the making
    stored: list[bool] = []
    controller.send("Hello")
    controller.unsent.note(None, "half a sentence")
    qtbot.waitUntil(lambda: not controller._stored.isActive(), timeout=WAIT_MS)
    controller.stored.connect(lambda: stored.append(True))
    process.load_gate.set()
    controller.shut_down()
    assert store.unsent_text(None) == "half a sentence"
    store.rename(store.list_conversations()[0].id, "Later")
    assert not any(timer.isActive() for timer in controller.findChildren(QTimer))
    assert not stored


def test_a_full_disk_loses_nothing(
    qtbot: QtBot,
    controller: ChatController,
    store: HistoryStore,
    process: ScriptedModelProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    reports: list[object] = []
    ended: list[object] = []
    controller.problem.connect(reports.append)
    controller.answer_ended.connect(lambda message, done: ended.append(message))
    real = store.commit_block
    full = True

    def commit(message_id: str, event: BlockCommitted) -> None:
        if full:
            raise StoreFullError("The disk is full.", "Free some space.")
        real(message_id, event)

    monkeypatch.setattr(store, "commit_block", commit)
    process.answer = [*simple_answer("Kept in memory.")]
    assert controller.send("Hi")
    wait_until_idle(qtbot, controller)
    assert reports
    assert getattr(ended[0], "body", "") == "Kept in memory."
    full = False
    controller.answering.on_retry_due()
    assert store.messages(controller.chat_id or "")[-1].body == "Kept in memory."


def test_a_message_to_a_model_that_does_not_load_fails_and_is_asked_again_of_the_one_before(
    qtbot: QtBot, controller: ChatController, store: HistoryStore, process: ScriptedModelProcess
) -> None:
    """The one before answered it, and nobody said so."""
    qtbot.waitUntil(lambda: not controller.model.loading, timeout=WAIT_MS)
    reports: list[ErrorReport] = []
    controller.model.refused.connect(reports.append)
    process.loading = [ModelLoading("Loading", 0.4), LOST]
    process.load_gate.clear()
    controller.model.load(ModelChoice(None, "fake", "Other model"))
    assert controller.send("Hi")
    process.load_gate.set()
    wait_until_idle(qtbot, controller)
    answer = store.messages(controller.chat_id or "")[-1]
    assert answer.generation is not None
    assert (answer.state, answer.generation.model) == (MessageState.ERROR, "Other model")
    assert answer.error is not None
    assert (answer.error.user_text, "Scripted model" in answer.error.hint) == (LOST.user_text, True)
    assert [report.hint for report in reports] == [library_texts.goes_on_answering("Scripted model")]
    assert process.requests == []
    controller.try_again()
    wait_until_idle(qtbot, controller)
    answer = store.messages(controller.chat_id or "")[-1]
    assert answer.generation is not None
    assert (answer.state, answer.generation.model) == (MessageState.DONE, "Scripted model")


def test_only_one_answer_at_a_time(qtbot: QtBot, controller: ChatController, process: ScriptedModelProcess) -> None:
    process.gate.clear()
    assert controller.send("One")
    assert not controller.send("Two")
    assert not controller.can_try_again()
    process.gate.set()
    wait_until_idle(qtbot, controller)
    assert controller.can_try_again()


def test_deleting_the_chat_that_is_being_answered_stops_it(
    qtbot: QtBot, controller: ChatController, store: HistoryStore, process: ScriptedModelProcess
) -> None:
    process.gate.clear()
    controller.send("One")
    chat = controller.chat_id or ""
    controller.delete(chat)
    wait_until_idle(qtbot, controller)
    assert store.list_conversations() == ()
    controller.undelete(chat)
    assert store.messages(chat)[-1].state == MessageState.STOPPED


def test_a_model_that_is_ready_is_named(qtbot: QtBot, controller: ChatController) -> None:
    states: list[Callable[[], None]] = []
    controller.model.status_changed.connect(states.append)
    qtbot.waitUntil(lambda: controller.model.status.device == "CPU, 2 threads", timeout=WAIT_MS)
    assert controller.model.asked().name == "Scripted model"
    assert isinstance(controller.model._ready, ModelReady)


@pytest.mark.parametrize("name", ["x" * 5000, "a\0b", "gone"])
def test_a_message_is_stored_whatever_the_models_folder_does(
    qtbot: QtBot, store: HistoryStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Also before the model has been loaded: nothing of its folder is looked at, which may hang."""
    folder, process = tmp_path / name, ScriptedModelProcess()
    process.load_gate.clear()
    preferences = Preferences(SettingsFile(tmp_path / "settings.json"), Settings(preset="fast"))
    recordings = Recordings(tmp_path / "r.sqlite3")
    controller = ChatController(store, lambda choice: process, folder_choice(folder, "auto"), preferences, recordings)
    controller.start()
    stat = os.stat

    def watched(path: Any, *arguments: Any, **options: Any) -> os.stat_result:
        assert not str(path).startswith(str(folder)), "it may hang"
        return stat(path, *arguments, **options)

    monkeypatch.setattr(os, "stat", watched)
    try:
        assert controller.send("Hello")
        assert [message.body for message in store.messages(str(controller.chat_id))][:1] == ["Hello"]
        process.load_gate.set()
        wait_until_idle(qtbot, controller)
        assert process.requests[0].sampler == SamplerParams(steps_divisor=3)
    finally:
        process.load_gate.set()
        controller.shut_down()
        controller.answering._retry.stop()
        preferences.flush()
