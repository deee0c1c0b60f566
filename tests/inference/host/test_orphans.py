"""No model process outlives the program that started it, however that ends."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from inference.host import lifeline
from tests.helpers.waiting import WAIT_SECONDS

ROOT = Path(__file__).resolve().parents[3]
PARENT = """
import sys, time
from inference.events import DraftUpdated
from inference.host.client import ModelProcessClient
from inference.params import ChatTurn, GenerationRequest

if __name__ == "__main__":
    process = ModelProcessClient(None, {backend!r})
    for event in process.generate(GenerationRequest((ChatTurn("user", "Hi"),))):
        if isinstance(event, DraftUpdated):
            print(process.pid, flush=True)
            break
    {then}
"""


def start_parent(backend: str, then: str) -> tuple[subprocess.Popen[str], list[psutil.Process]]:
    """A program with a model process in the middle of an answer, and that process, unless it is gone already."""
    code = PARENT.format(backend=backend, then=then)
    parent = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    number, left = int(parent.stdout.readline()), list[psutil.Process]()
    with suppress(psutil.NoSuchProcess):
        left.append(psutil.Process(number))
    return parent, left


@pytest.mark.parametrize("backend", ["fake:slow,long", pytest.param("fake:hang", marks=pytest.mark.slow)])
def test_a_killed_parent_takes_its_model_process_along(backend: str) -> None:
    parent, left = start_parent(backend, "time.sleep(600)")
    with parent:
        parent.kill()
    _, alive = psutil.wait_procs(left, timeout=WAIT_SECONDS)
    assert not alive


def test_a_parent_that_ends_without_closing_takes_its_model_process_along() -> None:
    parent, left = start_parent("fake:slow,long", "pass")
    with parent:
        assert parent.wait(WAIT_SECONDS) == 0
    _, alive = psutil.wait_procs(left, timeout=WAIT_SECONDS)
    assert not alive


@pytest.mark.slow
def test_the_end_of_the_pipe_alone_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Windows has to rely on: the model process hangs in a step, and no kernel kills it for us."""
    # The child imports the server anew; the environment reaches it, a patched attribute would not.
    monkeypatch.setenv(lifeline.NO_KERNEL_VARIABLE, "1")
    parent, left = start_parent("fake:hang", "time.sleep(600)")
    with parent:
        parent.kill()
    _, alive = psutil.wait_procs(left, timeout=WAIT_SECONDS)
    assert not alive
