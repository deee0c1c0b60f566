"""The library of models: every question is answered by a signal, and closing the window loses nothing."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from app.base.errors import ErrorReport
from app.base.paths import starter_model_folder
from app.bridge.library import Library
from app.library.queue import Ended
from app.library.records import DownloadState
from app.library.services import LibraryServices
from app.library.values import DownloadOffer, LibraryStatus, ModelState, ModelWork, ModelWorkEnd, Removal, Transferring
from inference.errors import LookStoppedError
from inference.look.client import Looks
from inference.look.questions import LookAtFolder, LookQuestion
from tests.helpers.adapters import OUTPUT, factors, write_adapter
from tests.helpers.hub_behaviour import Repo, repo_of, stall
from tests.helpers.hub_server import Hub
from tests.helpers.looks import answered_here
from tests.helpers.tiny_models import NAME, downloaded, tiny_contents
from tests.helpers.waiting import WAIT_MS, WAIT_SECONDS
from trt_engines.planning.processor import ProcessorSpeed


class Listener:
    """Everything that it says."""

    def __init__(self, library: Library) -> None:
        self.shelves: list[LibraryStatus] = []
        self.offers: list[DownloadOffer] = []
        self.removals: list[Removal] = []
        self.transfers: list[Transferring | None] = []
        self.ends: list[Ended] = []
        self.works: list[ModelWork | None] = []
        self.work_ends: list[ModelWorkEnd] = []
        self.added: list[str] = []
        self.freed: list[int] = []
        self.problems: list[ErrorReport] = []
        self.asking: list[bool] = []
        self.adapters: list[object] = []
        library.status_changed.connect(self.shelves.append)
        library.offered.connect(self.offers.append)
        library.removal_known.connect(self.removals.append)
        library.transfer_changed.connect(self.transfers.append)
        library.download_ended.connect(self.ends.append)
        library.work_changed.connect(self.works.append)
        library.work_ended.connect(self.work_ends.append)
        library.added.connect(self.added.append)
        library.freed.connect(self.freed.append)
        library.problem.connect(self.problems.append)
        library.asking_changed.connect(self.asking.append)
        library.adapter_found.connect(self.adapters.append)


@pytest.fixture
def library(qtbot: QtBot, services: LibraryServices) -> Iterator[Library]:
    """One that is shut down at the end."""
    made = Library(services)
    yield made
    assert made.shut_down()


@pytest.fixture
def heard(library: Library) -> Listener:
    """What it says."""
    return Listener(library)


def offer(qtbot: QtBot, library: Library, heard: Listener, name: str = NAME) -> DownloadOffer:
    """An offer for a model of the hub."""
    before = len(heard.offers)
    library.ask(name)
    qtbot.waitUntil(lambda: len(heard.offers) > before, timeout=WAIT_MS)
    return heard.offers[-1]


def test_the_processor_is_measured_once_and_in_no_thread_of_the_window(
    qtbot: QtBot, library: Library, heard: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[bool] = []

    def follow(looks: Looks, question: object, cancel: threading.Event) -> Iterator[ProcessorSpeed]:
        threads.append(threading.current_thread() is threading.main_thread())
        yield ProcessorSpeed("avx512", 2, 700e9, 800e9, 900e9)

    monkeypatch.setattr(Looks, "follow", follow)
    library.measure()  # nobody has looked yet
    monkeypatch.setattr("app.library.processor.library_there", lambda: "kernels")
    monkeypatch.setattr(LibraryStatus, "measurable", property(lambda status: status.machine.processor.speed is None))
    library.look()
    qtbot.waitUntil(lambda: len(heard.shelves) == 1, timeout=WAIT_MS)
    assert heard.shelves[0].machine.processor.kernels
    library.measure()
    library.measure()
    qtbot.waitUntil(lambda: len(heard.shelves) == 2, timeout=WAIT_MS)
    assert heard.shelves[1].machine.processor.speed is not None
    library.measure()
    assert threads == [False]
    assert not heard.problems


def test_the_end_of_a_download_is_told_when_its_state_is_known(
    qtbot: QtBot, library: Library, heard: Listener, repo: Repo
) -> None:
    known: list[ModelState] = []

    def look(ended: Ended) -> None:
        model = library.status.model(ended.model_id) if library.status is not None else None
        assert model is not None
        known.append(model.state)

    library.download_ended.connect(look)
    library.accept(offer(qtbot, library, heard))
    qtbot.waitUntil(lambda: bool(known), timeout=WAIT_MS)
    assert known[0] in (ModelState.INSTALLED, ModelState.READY)


def test_from_a_question_to_an_installed_model(qtbot: QtBot, library: Library, heard: Listener, repo: Repo) -> None:
    asked = offer(qtbot, library, heard)
    qtbot.waitUntil(lambda: heard.asking == [True, False], timeout=WAIT_MS)
    library.accept(asked)
    qtbot.waitUntil(lambda: bool(heard.ends), timeout=WAIT_MS)
    assert heard.ends[0].installed
    model_id = heard.added[0]
    running = [each for each in heard.transfers if each is not None]
    assert {each.model_id for each in running} == {model_id}
    assert running[-1].done == running[-1].total == asked.remote.size
    assert running[-1].fraction == 1.0
    assert heard.transfers[-1] is None
    qtbot.waitUntil(lambda: state(heard, model_id) == ModelState.INSTALLED, timeout=WAIT_MS)
    assert not heard.problems


def state(heard: Listener, model_id: str) -> ModelState | None:
    """Of the newest status."""
    model = heard.shelves[-1].model(model_id) if heard.shelves else None
    return model.state if model is not None else None


def test_a_question_that_fails_is_a_problem(qtbot: QtBot, library: Library, heard: Listener, repo: Repo) -> None:
    library.ask("owner/none")
    qtbot.waitUntil(lambda: bool(heard.problems), timeout=WAIT_MS)
    assert "There is no model owner/none" in heard.problems[0].text
    qtbot.waitUntil(lambda: heard.asking == [True, False], timeout=WAIT_MS)
    assert not heard.offers


def test_pause_and_resume(
    qtbot: QtBot, library: Library, heard: Listener, repo: Repo, hub: Hub, services: LibraryServices
) -> None:
    stand_still(hub)
    library.accept(offer(qtbot, library, heard))
    qtbot.waitUntil(lambda: any(each and each.done > 200_000 for each in heard.transfers), timeout=WAIT_MS)
    model_id = heard.added[0]
    library.look()
    shelf_before = len(heard.shelves)
    qtbot.waitUntil(lambda: len(heard.shelves) > shelf_before, timeout=WAIT_MS)
    model = heard.shelves[-1].model(model_id)
    assert model is not None
    assert library.state_of(model) == ModelState.DOWNLOADING
    library.pause(model_id)
    qtbot.waitUntil(lambda: bool(heard.ends), timeout=WAIT_MS)
    assert (heard.ends[0].installed, heard.ends[0].report) == (False, None)
    assert services.library.find(model_id).download == DownloadState.PAUSED
    hub.behaviour.forget()
    library.resume(model_id)
    qtbot.waitUntil(lambda: heard.ends[-1].installed, timeout=WAIT_MS)
    assert hub.behaviour.total_sent < repo.size - 200_000, "what had come was kept"


def stand_still(hub: Hub) -> None:
    """The download comes as far as the middle of the last file, and stays there."""
    hub.behaviour.plan("model-00002-of-00002.safetensors", stall(after=500_000), times=None)


def test_two_downloads_wait_for_each_other(qtbot: QtBot, library: Library, heard: Listener, hub: Hub) -> None:
    for name in ("owner/one", "owner/two"):
        hub.add(repo_of(name, tiny_contents()))
    for name in ("owner/one", "owner/two"):
        library.accept(offer(qtbot, library, heard, name))
    qtbot.waitUntil(lambda: len(heard.ends) == 2, timeout=WAIT_MS)
    assert [end.model_id for end in heard.ends] == heard.added
    order = [each.model_id for each in heard.transfers if each is not None]
    assert order == sorted(order, key=heard.added.index), "one after the other"


def test_verify_finds_what_is_damaged(
    qtbot: QtBot, library: Library, heard: Listener, services: LibraryServices, repo: Repo
) -> None:
    record = downloaded(services)
    file = record.folder / "model-00001-of-00002.safetensors"
    file.write_bytes(bytes(file.stat().st_size))
    library.verify(record.id)
    library.verify(record.id)  # nothing happens while one runs
    qtbot.waitUntil(lambda: bool(heard.work_ends), timeout=WAIT_MS)
    end = heard.work_ends[0]
    assert (end.work.damaged, end.stopped, end.report) == ((file.name,), False, None)
    assert heard.works[-1] is None
    qtbot.waitUntil(lambda: state(heard, record.id) == ModelState.DAMAGED, timeout=WAIT_MS)
    assert len(heard.work_ends) == 1


def test_removing(qtbot: QtBot, library: Library, heard: Listener, services: LibraryServices, repo: Repo) -> None:
    record = downloaded(services)
    library.look()
    qtbot.waitUntil(lambda: bool(heard.shelves), timeout=WAIT_MS)
    model = heard.shelves[-1].model(record.id)
    assert model is not None
    library.ask_removal(model)
    qtbot.waitUntil(lambda: bool(heard.removals), timeout=WAIT_MS)
    library.remove(heard.removals[0], with_engines=True)
    qtbot.waitUntil(lambda: bool(heard.freed), timeout=WAIT_MS)
    assert heard.freed[0] > 2_000_000
    qtbot.waitUntil(lambda: state(heard, record.id) is None, timeout=WAIT_MS)


def test_adding_a_folder(
    qtbot: QtBot, library: Library, heard: Listener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[LookQuestion[Any]] = []

    def ask(looks: Looks, question: LookQuestion[Any], cancel: threading.Event | None = None) -> Any:
        asked.append(question)
        return answered_here(looks, question, cancel)

    monkeypatch.setattr(Looks, "ask", ask)
    library.add_folder(starter_model_folder())
    qtbot.waitUntil(lambda: bool(heard.added), timeout=WAIT_MS)
    assert asked.count(LookAtFolder(starter_model_folder(), texts=True)) == 1
    library.add_folder(tmp_path)
    qtbot.waitUntil(lambda: bool(heard.problems), timeout=WAIT_MS)
    assert str(tmp_path) in heard.problems[0].text
    assert not heard.adapters


@pytest.fixture
def hanging(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Looks into folders hang until they are cancelled; set when one does."""
    hangs = threading.Event()

    def ask(looks: Looks, question: LookQuestion[Any], cancel: threading.Event | None = None) -> Any:
        if not isinstance(question, LookAtFolder) or cancel is None:
            return answered_here(looks, question)
        hangs.set()
        assert cancel.wait(WAIT_SECONDS)
        raise LookStoppedError("The look was stopped.")

    monkeypatch.setattr(Looks, "ask", ask)
    return hangs


def test_a_look_into_a_folder_that_is_cancelled_is_not_answered(
    qtbot: QtBot, library: Library, heard: Listener, hanging: threading.Event, tmp_path: Path
) -> None:
    library.add_folder(tmp_path)
    qtbot.waitUntil(hanging.is_set, timeout=WAIT_MS)
    library.stop_asking()
    qtbot.waitUntil(lambda: heard.asking == [True, False], timeout=WAIT_MS)
    assert not heard.problems, "whoever cancels knows why there is no answer"


def test_an_answer_that_comes_after_it_was_cancelled_is_not_told(
    qtbot: QtBot, library: Library, heard: Listener, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def ask(looks: Looks, question: LookQuestion[Any], cancel: threading.Event | None = None) -> Any:
        if cancel is not None:
            cancel.set()  # at this very moment
        return answered_here(looks, question)

    monkeypatch.setattr(Looks, "ask", ask)
    library.add_folder(tmp_path)
    library.add_folder(write_adapter(tmp_path / "adapter", factors(OUTPUT, 8, 8)))
    qtbot.waitUntil(lambda: bool(heard.asking) and not heard.asking[-1], timeout=WAIT_MS)
    assert not heard.problems
    assert not heard.adapters


def test_the_folder_that_is_looked_into_is_forgotten_with_its_own_end(
    qtbot: QtBot, library: Library, heard: Listener, hanging: threading.Event, repo: Repo, hub: Hub, tmp_path: Path
) -> None:
    hub.behaviour.plan("config.json", stall(), times=None)
    said: list[Path | None] = []
    library.asking_changed.connect(lambda _: said.append(library.looked_into))
    for name in ("first", "second"):
        library.add_folder(tmp_path / name)
    library.ask(NAME)
    first, second, hub_question = (tmp_path / "first", tmp_path / "second", None)
    assert said == [first] * 3, "one after the other"
    for number in (1, 2):
        qtbot.waitUntil(hanging.is_set, timeout=WAIT_MS)
        hanging.clear()
        next(iter(library._questions.values())).task.cancel.set()
        qtbot.waitUntil(lambda number=number: len(said) == 3 + number, timeout=WAIT_MS)
    assert said[3:] == [second, hub_question]
    assert heard.asking[-1], "the Hub is still asked"
    library.stop_asking()
    qtbot.waitUntil(lambda: not heard.asking[-1], timeout=WAIT_MS)


def test_offline_pauses_what_runs(
    qtbot: QtBot, library: Library, heard: Listener, repo: Repo, hub: Hub, services: LibraryServices
) -> None:
    stand_still(hub)
    library.accept(offer(qtbot, library, heard))
    qtbot.waitUntil(lambda: any(each and each.done > 100_000 for each in heard.transfers), timeout=WAIT_MS)
    library.set_offline(True)
    qtbot.waitUntil(lambda: bool(heard.ends), timeout=WAIT_MS)
    assert not heard.ends[0].installed
    library.resume(heard.added[0])
    qtbot.waitUntil(lambda: len(heard.ends) == 2, timeout=WAIT_MS)
    report = heard.ends[1].report
    assert report is not None
    assert "stay offline" in report.text


def test_closing_in_the_middle_loses_nothing(
    qtbot: QtBot, library: Library, heard: Listener, services: LibraryServices, repo: Repo, hub: Hub
) -> None:
    stand_still(hub)
    library.accept(offer(qtbot, library, heard))
    qtbot.waitUntil(lambda: any(each and each.done > 300_000 for each in heard.transfers), timeout=WAIT_MS)
    record = services.library.find(heard.added[0])
    part = record.folder / "model-00002-of-00002.safetensors.part"
    qtbot.waitUntil(part.exists, timeout=WAIT_MS)
    assert library.shut_down()
    record = services.library.find(heard.added[0])
    assert (record.download, record.error) == (DownloadState.PAUSED, None)
    assert part.exists()
