"""The look process: its answers, its limits, its death, its end."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import pytest

from inference.checkpoint.adapters import MERGED
from inference.errors import LookError, LookStoppedError, ModelFolderError
from inference.facts import FileNote
from inference.look import asking, link
from inference.look.answer import answer
from inference.look.client import Looks
from inference.look.questions import (
    LookAtFolder,
    LookQuestion,
    Merge,
    Problem,
    ReadAdapterConfig,
    ReadConfig,
    ReadRepoConfig,
)
from inference.model_config import ModelConfig
from tests.helpers.adapters import OUTPUT, QUERY, factors, write_adapter
from tests.helpers.checkpoints import random_tensors, tiny_config, write_model
from tests.helpers.waiting import WAIT_SECONDS, wait_until
from trt_engines.errors import DewpointError

STARTER = Path(__file__).parents[3] / "resources" / "starter"
ROOT = Path(__file__).parents[3]
Make = Callable[..., Looks]
on_posix = pytest.mark.skipif(os.name != "posix", reason="stops a process by a signal")


@pytest.fixture
def make() -> Iterator[Make]:
    """Makes `Looks` and closes them with the test."""
    made: list[Looks] = []

    def start(**options: object) -> Looks:
        made.append(Looks(**options))  # type: ignore[arg-type]
        return made[-1]

    yield start
    for looks in made:
        looks.close()


@pytest.fixture
def looks(make: Make) -> Looks:
    return make()


@pytest.fixture
def put(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Set when a question has been put to a process."""
    event, ask = threading.Event(), link.LookLink.ask

    def watched(to: link.LookLink, question: LookQuestion[object]) -> None:
        ask(to, question)
        event.set()

    monkeypatch.setattr(link.LookLink, "ask", watched)
    return event


def halted(looks: Looks) -> int:
    """The process, started and stopped by a signal: it hangs from now on."""
    looks.ask(ReadAdapterConfig("owner/name", b"{}"))
    pid = looks.pid
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    return pid


def turn_of(looks: Looks) -> threading.Lock:
    """Held by whoever asks at the moment."""
    assert looks._asking is not None
    return looks._asking._turn


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


# -- answers ---------------------------------------------------------------------------------------------------------


def test_nothing_is_started_before_the_first_question(looks: Looks) -> None:
    assert looks.pid is None


def test_an_answer_is_the_one_that_this_process_would_give(looks: Looks) -> None:
    question = LookAtFolder(STARTER, texts=True)
    found = looks.ask(question)
    assert found == answer(question)
    assert found.facts is not None
    assert found.config is not None
    assert found.problem is None


def test_one_process_answers_all(looks: Looks) -> None:
    looks.ask(ReadConfig(STARTER))
    pid = looks.pid
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: looks.ask(ReadConfig(STARTER)), range(24)))
    assert all(isinstance(each, ModelConfig) for each in found)
    assert looks.pid == pid


def test_a_known_error_arrives_as_itself(looks: Looks, tmp_path: Path) -> None:
    with pytest.raises(ModelFolderError) as here:
        answer(ReadConfig(tmp_path))
    with pytest.raises(ModelFolderError) as there:
        looks.ask(ReadConfig(tmp_path))
    assert (there.value.user_text, there.value.hint) == (here.value.user_text, here.value.hint)
    looks.ask(ReadConfig(STARTER))  # and the process lives on


@dataclass(frozen=True, slots=True)
class NobodyKnows(LookQuestion[int]):
    """A question without an answer."""

    @property
    def subject(self) -> str:
        return "this"


def test_a_bug_is_a_sentence_and_its_trace_is_in_the_log(looks: Looks, log_expected: Callable[[str], None]) -> None:
    log_expected("a look at this failed")
    with pytest.raises(LookError, match=r"this could not be looked at \(TypeError\)") as caught:
        looks.ask(NobodyKnows())
    assert "Traceback" not in str(caught.value)


# -- limits ----------------------------------------------------------------------------------------------------------


@on_posix
def test_a_look_that_hangs_is_given_up(make: Make) -> None:
    looks = make(seconds=5.0)
    pid = halted(looks)
    with pytest.raises(LookError, match=r"could not be looked at within 5 seconds"):
        looks.ask(ReadConfig(STARTER))
    wait_until(lambda: gone(pid), "the process that hung is ended")
    wait_until(lambda: looks.pid is None)
    assert looks.ask(ReadAdapterConfig("owner/name", b"{}")).base == ""
    assert looks.pid != pid


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits a process's memory by its kernel")
def test_a_bomb_ends_as_a_sentence(make: Make) -> None:
    looks = make(memory=64 << 20)
    bomb = b"[" + b"[]," * 1_300_000 + b"[]]"
    with pytest.raises(LookError, match=r"owner/name needs more than 0\.1 GB of memory to be looked at"):
        looks.ask(ReadRepoConfig("owner/name", bomb))
    assert looks.ask(ReadAdapterConfig("owner/name", b'{"base_model_name_or_path": "a/b"}')).base == "a/b"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits a process's memory by its kernel")
@pytest.mark.parametrize("code", ["'a'|center(1200000000)", "'a' * 1200000000", "'%1200000000s'|format('a')"])
def test_a_template_that_fills_the_memory_ends_as_a_sentence(make: Make, tmp_path: Path, code: str) -> None:
    looks, folder = make(memory=512 << 20), write_model(tmp_path / "m", random_tensors(tiny_config()), tiny_config())
    template = "{{ " + code + " }}{% for message in messages %}{{ message.content }}{% endfor %}"
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    assert looks.ask(ReadAdapterConfig("owner/name", b"{}")).base == ""
    try:
        problem = looks.ask(LookAtFolder(folder, texts=True)).problem
    except LookError as exc:
        problem = Problem(exc.user_text, exc.hint)
    assert problem is not None
    assert problem.text
    assert looks.ask(LookAtFolder(STARTER)).problem is None


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="only Linux limits a process's memory by its kernel")
def test_a_process_that_is_full_from_before_is_asked_anew(make: Make) -> None:
    looks = make(memory=64 << 20)
    looks.ask(ReadAdapterConfig("owner/name", b"{}"))
    before = looks.pid
    with pytest.raises(LookError):
        looks.ask(ReadRepoConfig("owner/name", b"[" + b"[]," * 1_300_000 + b"[]]"))
    assert looks.pid is None
    looks.ask(ReadAdapterConfig("owner/name", b"{}"))
    assert looks.pid != before


def test_an_answer_that_is_too_large_is_not_taken(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(link, "MOST_BYTES", 100)
    looks = make()
    with pytest.raises(LookError, match="larger than any model's"):
        looks.ask(ReadConfig(STARTER))
    monkeypatch.undo()
    assert isinstance(looks.ask(ReadConfig(STARTER)), ModelConfig)


def test_texts_of_an_answer_are_cut(looks: Looks) -> None:
    found = looks.ask(ReadAdapterConfig("owner/name", b'{"base_model_name_or_path": "%s"}' % (b"x" * 100_000)))
    assert 1000 < len(found.base) < 10_000


# -- cancel, death, end ----------------------------------------------------------------------------------------------


@on_posix
def test_a_cancel_ends_a_look_that_hangs(looks: Looks, put: threading.Event) -> None:
    pid, cancel = halted(looks), threading.Event()
    put.clear()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(looks.ask, ReadConfig(STARTER), cancel)
        assert put.wait(WAIT_SECONDS)
        cancel.set()
        with pytest.raises(LookStoppedError):
            asked.result(WAIT_SECONDS)
    wait_until(lambda: gone(pid))
    assert isinstance(looks.ask(ReadConfig(STARTER)), ModelConfig)


@pytest.mark.parametrize("begun", [True, False])
def test_who_is_interrupted_leaves_no_process_that_hangs(
    looks: Looks, monkeypatch: pytest.MonkeyPatch, begun: bool
) -> None:
    """A program that ends waits for its processes."""
    if begun:
        looks.ask(ReadConfig(STARTER))
    started: list[link.LookLink] = []

    def interrupt(of: link.LookLink, deadline: float | None, cancel: threading.Event | None) -> object:
        started.append(of)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(link.LookLink, "reply", interrupt)
        with pytest.raises(KeyboardInterrupt):
            looks.ask(ReadConfig(STARTER))
    assert not started[0].usable
    started[0].join(WAIT_SECONDS)
    pid = started[0].pid
    assert pid is None or gone(pid)
    assert isinstance(looks.ask(ReadConfig(STARTER)), ModelConfig)


@on_posix
def test_a_cancel_ends_the_waiting_for_a_turn(looks: Looks) -> None:
    pid, cancel = halted(looks), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(looks.ask, ReadConfig(STARTER))
        wait_until(turn_of(looks).locked)
        second = pool.submit(looks.ask, ReadConfig(STARTER), cancel)
        cancel.set()
        with pytest.raises(LookStoppedError):
            second.result(WAIT_SECONDS)
        os.kill(pid, signal.SIGCONT)
        assert isinstance(first.result(WAIT_SECONDS), ModelConfig)


@on_posix
def test_a_process_that_is_killed_in_the_middle(looks: Looks, put: threading.Event) -> None:
    pid = halted(looks)
    put.clear()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(looks.ask, ReadConfig(STARTER))
        assert put.wait(WAIT_SECONDS)
        os.kill(pid, signal.SIGKILL)
        with pytest.raises(LookError, match=r"ended unexpectedly \(exit code -9\)"):
            asked.result(WAIT_SECONDS)
    assert isinstance(looks.ask(ReadConfig(STARTER)), ModelConfig)


def test_a_process_that_died_between_two_questions(looks: Looks) -> None:
    looks.ask(ReadConfig(STARTER))
    pid = looks.pid
    assert pid is not None
    psutil.Process(pid).kill()
    wait_until(lambda: looks.pid is None)
    assert isinstance(looks.ask(ReadConfig(STARTER)), ModelConfig)


def test_a_system_that_starts_no_process(looks: Looks, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(link, "ChildProcess", refuse)
    with pytest.raises(LookError, match="could not be started: Resource temporarily unavailable"):
        looks.ask(ReadConfig(STARTER))


@on_posix
def test_closing_ends_a_question_that_waits(looks: Looks, put: threading.Event) -> None:
    halted(looks)
    put.clear()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(looks.ask, ReadConfig(STARTER))
        assert put.wait(WAIT_SECONDS)
        looks.close()
        with pytest.raises(LookStoppedError):
            asked.result(WAIT_SECONDS)
    with pytest.raises(LookStoppedError):
        looks.ask(ReadConfig(STARTER))


PARENT = """
import time
from pathlib import Path
from inference.look.client import Looks
from inference.look.questions import ReadConfig

if __name__ == "__main__":
    looks = Looks()
    looks.ask(ReadConfig(Path("resources/starter")))
    print(looks.pid, flush=True)
    {then}
"""


@pytest.mark.parametrize("then", ["time.sleep(600)", "pass"])
def test_it_does_not_outlive_the_program(then: str) -> None:
    code, left = PARENT.format(then=then), list[psutil.Process]()
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        number = int(parent.stdout.readline())
        with suppress(psutil.NoSuchProcess):  # gone with the program already
            left.append(psutil.Process(number))
        if then != "pass":
            parent.kill()
        assert parent.wait(WAIT_SECONDS) == (0 if then == "pass" else -9)
    _, alive = psutil.wait_procs(left, timeout=WAIT_SECONDS)
    assert not alive


# -- merging ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def merge(tmp_path: Path) -> Merge:
    base = write_model(tmp_path / "base", random_tensors(tiny_config(), dtype=np.float32), tiny_config())
    adapter = write_adapter(tmp_path / "small", factors(QUERY, 16, 16) | factors(OUTPUT, 16, 32, seed=1))
    (tmp_path / "merged").mkdir()
    return Merge(base, adapter, tmp_path / "merged")


def test_a_merge_is_followed_to_its_end_and_tells_of_each_file_before_it_holds_anything(
    looks: Looks, merge: Merge
) -> None:
    last, made = None, []
    for step in looks.follow(merge, threading.Event()):
        if isinstance(step, FileNote):
            if step.what == "made":
                assert step.path.stat().st_size == 0
                made.append(step.path.name)
        else:
            last = step
    assert last is not None
    assert last.fraction == 1.0
    assert last.report is not None
    assert MERGED in made
    assert looks.ask(LookAtFolder(merge.folder)).problem is None


def test_a_merge_that_is_cancelled_goes_no_further(looks: Looks, merge: Merge) -> None:
    cancel = threading.Event()
    steps = []
    for step in looks.follow(merge, cancel):
        steps.append(step)
        cancel.set()
    assert len(steps) == 1
    assert not (merge.folder / MERGED).exists()


def test_a_merge_whose_reader_goes_away_goes_no_further(looks: Looks, merge: Merge) -> None:
    steps = looks.follow(merge, threading.Event())
    next(steps)
    steps.close()
    assert not (merge.folder / MERGED).exists()


def test_a_merge_that_cannot_be_says_why(looks: Looks, merge: Merge) -> None:
    (merge.adapter / "adapter_config.json").unlink()
    with pytest.raises(DewpointError, match="holds no adapter_config"):
        list(looks.follow(merge, threading.Event()))


def test_the_waiting_for_a_merge_ends_with_its_process(
    looks: Looks, merge: Merge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(asking, "MERGE_SHARE", 1e-6)  # of the memory: it cannot even begin
    with pytest.raises(LookError):
        list(looks.follow(merge, threading.Event()))
