"""The process that asks a server, as the window's worker sees it; and the list of a server's models."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.base.paths import AppPaths
from app.library.access_token import TokenStore
from app.library.answering import ServerModel
from app.library.services import LibraryServices
from app.network.client import OfflineError
from app.server.remote.client import RemoteProcess
from app.server.remote.tasks import RemoteError, find_models
from inference.events import BlockCommitted, Failed, Finished, ModelReady
from inference.look.client import Looks
from inference.look.questions import NoAnswer, ServedModelNamed, ServedModels
from inference.look.servers import MOST_MODELS, read_models
from inference.operations.requests import DecideRequest
from inference.params import ChatTurn, GenerationRequest
from tests.helpers.looks import answered_here
from tests.helpers.openai_stand_in import KEY, StandInServer
from tests.helpers.tiny_models import MemoryKeyring
from tests.helpers.waiting import wait_until

HI = GenerationRequest((ChatTurn("user", "Hi"),))


@pytest.fixture
def services(monkeypatch: pytest.MonkeyPatch) -> Iterator[LibraryServices]:
    monkeypatch.setattr(Looks, "ask", answered_here)
    services = LibraryServices.open(AppPaths.resolve().ensure())
    yield services
    services.looks.close()


def test_a_process_of_its_own_asks_with_the_key_of_the_keyring(
    server: StandInServer, keys: MemoryKeyring, tmp_path: Path
) -> None:
    TokenStore(server.address).set(KEY)
    offline = threading.Event()
    process = RemoteProcess(ServerModel(server.address, "big/model", 8192), offline.is_set, tmp_path / "log", 10.0)
    try:
        ready = list(process.load())[-1]
        assert isinstance(ready, ModelReady)
        assert process.loaded
        assert isinstance(list(process.generate(HI))[-1], Finished)
        told = list(process.generate_for_guest(HI))[-1]
        assert isinstance(told, Failed)
        told = list(process.perform(DecideRequest("A text.", "Is it long?", ("yes", "no"))))[-1]
        assert isinstance(told, Failed)
        assert "can only answer" in told.user_text
        asked = len(server.asked)
        server.mode = "slow"
        events = process.generate(HI)
        assert any(isinstance(event, BlockCommitted) for event in events)
        offline.set()
        assert isinstance(list(events)[-1], Finished)  # what runs ends, too; a part may have come before that
        for refused in (process.generate(HI), process.load(), process.measure(HI), process.measure_chat(HI)):
            (failed,) = refused
            assert isinstance(failed, Failed)
            assert "offline" in failed.user_text
        assert len(server.asked) == asked + 1
        assert KEY not in (tmp_path / "log").read_text()
        pid = process.pid
        process.kill()
        wait_until(lambda: process.pid is None)
        offline.clear()
        server.mode = "good"
        assert isinstance(list(process.generate(HI))[-1], Finished)
        assert process.pid not in (None, pid)
    finally:
        process.close()


def test_a_servers_models(server: StandInServer, services: LibraryServices) -> None:
    (found,) = find_models(services, server.address, KEY, threading.Event())
    assert found.models == (ServedModelNamed("big/model", 8192), ServedModelNamed("small"))
    assert server.asked[0][1]["Authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize(
    ("listing", "words"),
    [
        ("401", "refused the key"), ("404", "nothing at this address"), ("429", "too much to do"),
        ("500", "status 500"),
        ("page", "web page"), ("nonsense", "ended in the middle"), ("none", "no model"),
        ("elsewhere", "does not follow"), ("endless", "sent more than"),
    ],
)  # fmt: skip
def test_no_list_is_one_sentence(server: StandInServer, services: LibraryServices, listing: str, words: str) -> None:
    server.listing = listing
    with pytest.raises(RemoteError) as failed:
        list(find_models(services, server.address, KEY, threading.Event()))
    assert words in failed.value.user_text
    assert failed.value.hint
    assert not any(path == "/elsewhere" for path, _, _ in server.asked)


def test_nobody_is_asked_offline_and_nobody_there_is_said(server: StandInServer, services: LibraryServices) -> None:
    with pytest.raises(RemoteError, match="cannot be reached"):
        list(find_models(services, "http://127.0.0.1:9/v1", "", threading.Event()))
    services.network.offline = True
    with pytest.raises(OfflineError):
        list(find_models(services, server.address, KEY, threading.Event()))
    assert not server.asked


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b'{"data": 5}', b'{"error": "no"}', b"[" * 100_000])
def test_what_is_no_list_of_models(data: bytes) -> None:
    assert isinstance(read_models(data), NoAnswer)


def test_names_that_cannot_be_shown_are_left_out_and_there_are_not_too_many() -> None:
    odd = b'{"data": [{"id": "a\\u0000b"}, {"id": "\\u202egpj"}, {"id": ""}, {"id": "ok", "max_model_len": -5}]}'
    assert read_models(odd) == ServedModels((ServedModelNamed("ok"),), 3)
    many = b'{"data": [' + b",".join(b'{"id": "m%d"}' % number for number in range(MOST_MODELS + 5)) + b"]}"
    found = read_models(many)
    assert not isinstance(found, NoAnswer)
    assert (len(found.named), found.left_out) == (MOST_MODELS, 5)
