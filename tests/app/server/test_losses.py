"""A model process that is killed or hangs under load: each client is told, and the next request works."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

import psutil
import pytest

from app.server import owned, texts
from app.server.errors import ApiError
from app.server.owned import OwnedModel
from app.server.queue import AnswerQueue
from app.server.wire import WantedAnswer, WholeAnswer
from inference.events import Failed
from inference.host.client import ModelProcessClient
from inference.params import ChatTurn, GenerationRequest
from tests.app.server.conftest import RunningServer, ended, started
from tests.helpers.waiting import wait_until

CLIENTS = 4
WANTED = WantedAnswer(GenerationRequest((ChatTurn("user", "Hi"),)))


@pytest.fixture
def slow(tmp_path: Path) -> Iterator[RunningServer]:
    running = started(tmp_path, "--backend", "fake:slow,long")
    yield running
    ended(running)


def model_process(server: RunningServer) -> psutil.Process:
    children = psutil.Process(server.process.pid).children()
    (found,) = (each for each in children if any("spawn_main" in part for part in each.cmdline()))
    return found


def running(server: RunningServer) -> int:
    return int(server.get("/metrics").text.rpartition("dewpoint_answers_running ")[2].split()[0])


def test_a_kill_under_load_is_told_to_each_and_the_next_request_works(slow: RunningServer) -> None:
    killed = model_process(slow)
    with ThreadPoolExecutor(CLIENTS) as pool:
        asked = [pool.submit(slow.chat, stream=bool(number % 2)) for number in range(CLIENTS)]
        wait_until(lambda: running(slow) == CLIENTS)
        killed.kill()
        answers = [each.result() for each in wait(asked).done]
    told = [each for each in answers if each.status_code == 503 or '"error"' in each.text]
    assert len(told) == CLIENTS, [each.text[-200:] for each in answers]
    assert not any("Traceback" in each.text for each in answers)
    after = slow.chat(max_tokens=1)
    assert after.status_code == 200
    assert after.json()["choices"][0]["message"]["content"]
    assert model_process(slow).pid != killed.pid


@pytest.mark.skipif(sys.platform == "win32", reason="no signal halts a process on Windows")
def test_a_process_that_hangs_is_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    client = ModelProcessClient(None, "fake:slow")
    client.patience = 1.0

    async def ask(queue: AnswerQueue) -> WholeAnswer:
        parts = [part async for part in queue.parts(queue.ask(WANTED))]
        assert isinstance(parts[-1], WholeAnswer)
        return parts[-1]

    async def run(process: OwnedModel) -> None:
        queue = AnswerQueue(process)
        queue.start()
        assert client.pid is not None
        os.kill(client.pid, signal.SIGSTOP)
        results = await asyncio.gather(*(ask(queue) for _ in range(3)), return_exceptions=True)
        assert [type(each) for each in results] == [ApiError] * 3
        assert all(isinstance(each, ApiError) and each.status == 503 and "hung" in each.text for each in results)
        client.patience = 60.0
        assert (await ask(queue)).text
        await asyncio.to_thread(queue.close)

    with OwnedModel(client) as process:
        assert not isinstance(process.load(), Failed)
        asyncio.run(run(process))


def test_a_load_that_says_nothing_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owned, "_LOAD_SECONDS", -1.0)
    with OwnedModel(ModelProcessClient(None, "fake")) as process:
        failed = process.load()
        assert isinstance(failed, Failed)
        assert failed.user_text == texts.LOAD_HUNG
