"""A server that means ill, asked through the real `huggingface_hub`: always a sentence, little memory, and an end."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from app.base.errors import KnownAppError, StoppedError
from app.library.download import refresh
from app.library.hub import RemoteModel
from app.library.services import LibraryServices
from app.network import limits
from app.network.bodies import BoundedBody
from app.network.errors import AnswerError
from app.updates.errors import UpdateError
from app.updates.service import UpdateService
from tests.helpers.hostile_server import (
    MISBEHAVIOUR,
    ODD_LISTINGS,
    WITHOUT_AN_END,
    HostileServer,
    answer,
    drip,
    endless,
    head,
    listing,
    silence,
)
from tests.helpers.waiting import WAIT_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[3]
MOST_GROWTH = 120_000_000  # bytes of a process that asked all of it
PLACES = ("/api/models/", "/config.json", "/LICENSE", "/latest/download/updates.json")


class Child:
    """A process that asks, so that what it costs can be measured."""

    def __init__(self, server: HostileServer, folder: Path) -> None:
        command = [sys.executable, "-m", "tests.app.network.hostile_child", server.url, str(folder)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )
        self._ask(f"hub {WAIT_SECONDS}")

    def said(self, what: str, impatient: bool = False) -> str:
        """What the user is told, after a second if only time ends it."""
        return str(json.loads(self._ask(f"{what} {1.0 if impatient else WAIT_SECONDS}")))

    def growth(self) -> int:
        """Bytes at the worst moment, more than at the start."""
        out, _ = self._process.communicate(timeout=WAIT_SECONDS)
        return int(out)

    def _ask(self, what: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(what + "\n")
        return self._process.stdout.readline()


@pytest.mark.slow
@pytest.mark.parametrize("place", PLACES)
def test_every_misbehaviour_is_a_sentence_and_costs_little(
    place: str, hostile: HostileServer, tmp_path: Path, record_property: Callable[[str, Any], None]
) -> None:
    child, good, told = Child(hostile, tmp_path), dict(hostile.places), {}
    for name, misbehave in MISBEHAVIOUR.items():
        hostile.places = good | {place: misbehave}
        told[name] = child.said("release" if place == PLACES[-1] else "hub", name in WITHOUT_AN_END)
    growth = child.growth()
    record_property("growth", growth)
    # A licence that is too long is shown up to the limit; what is too short for its own length is no licence.
    cut = ("bomb", "endless", "chunk of an impossible size")
    long = {name for name in MISBEHAVIOUR if any(word in name for word in cut)} if place == "/LICENSE" else set()
    may_be_read = {"longer than it says"} | long
    for name, text in told.items():
        assert ("in time" in text) is (name in WITHOUT_AN_END), (name, text)
        if text == "ANSWERED":
            assert name in may_be_read, name
        else:
            assert not text.startswith("BUG"), (name, text)
            assert "127.0.0.1" in text or "owner/tiny" in text or "description of a release" in text, (name, text)
    assert growth < MOST_GROWTH


def test_every_odd_listing_is_a_sentence_and_costs_little(hostile: HostileServer, tmp_path: Path) -> None:
    child, told = Child(hostile, tmp_path), {}
    for name, body in ODD_LISTINGS.items():
        hostile.places["/api/models/"] = answer(body)
        told[name] = child.said("hub")
    growth = child.growth()
    for name, text in told.items():
        assert text != "ANSWERED", name
        assert not text.startswith("BUG"), (name, text)
    assert growth < MOST_GROWTH


def mutated(source: random.Random, value: Any) -> Any:
    """A value in which one thing is another."""
    odd: list[Any] = [
        None,
        True,
        -1,
        0,
        2**70,
        1e308,
        "",
        "x" * 5000,
        "\u202e\x00<img src=x>",
        [],
        {},
        [[[]]],
        {"a": 1},
    ]
    if isinstance(value, dict) and value and source.random() < 0.8:
        key = source.choice(list(value))
        return value | {key: mutated(source, value[key])}
    if isinstance(value, list) and value and source.random() < 0.8:
        place = source.randrange(len(value))
        return [mutated(source, one) if n == place else one for n, one in enumerate(value)]
    return source.choice(odd)


@pytest.mark.parametrize("seed", range(5))
def test_what_an_odd_listing_comes_to_is_plain_and_bounded(
    seed: int, hostile: HostileServer, asking: LibraryServices
) -> None:
    source, answered = random.Random(seed), 0
    good = json.loads(listing())
    for _ in range(40):
        hostile.places["/api/models/"] = answer(json.dumps(mutated(source, good)).encode())
        with contextlib.suppress(KnownAppError):
            check_plain(asking.hub.look("owner/tiny"))
            answered += 1
    assert answered, "some of it does no harm"


def check_plain(remote: RemoteModel) -> None:
    """Every value of an answer is of its type and within its range."""
    assert [type(value) for value in (remote.repo, remote.revision, remote.licence, remote.licence_link)] == [str] * 4
    assert len(remote.repo) < 200
    assert len(remote.revision) == 40
    assert len(remote.licence) <= 80
    assert len(remote.licence_link) <= 500
    assert type(remote.gated) is bool
    for file in remote.files:
        assert type(file.size) is int
        assert 0 <= file.size < 2**49
        assert len(file.path) < 256


def test_a_licence_that_is_too_long_is_shown_cut(hostile: HostileServer, asking: LibraryServices) -> None:
    hostile.places["/LICENSE"] = endless(head(None), b"Be good. ")
    text = asking.hub.licence_text(asking.hub.look("owner/tiny"))
    assert text.startswith("Be good. Be good.")
    assert len(text) < limits.LICENCE.most_bytes + 500
    assert f"{hostile.url}/owner/tiny/blob/" in text[-300:]


def test_what_is_packed_properly_is_read(hostile: HostileServer, asking: LibraryServices) -> None:
    body = gzip.compress(b"Be good.")
    hostile.places["/LICENSE"] = lambda server, to, path: to.sendall(head(len(body), "Content-Encoding: gzip") + body)
    assert asking.hub.licence_text(asking.hub.look("owner/tiny")) == "Be good."


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("how", [silence, drip(head(None), b" "), drip(b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x")])
def test_a_question_that_is_cancelled_ends_whatever_the_server_does(
    hostile: HostileServer, asking: LibraryServices, place: str, how: Any
) -> None:
    hostile.places |= {place: how}
    cancel, ended = threading.Event(), []

    def question() -> object:
        if place == PLACES[-1]:
            return UpdateService(asking).ask(cancel)
        return asking.hub.licence_text(asking.hub.look("owner/tiny", None, cancel), cancel)

    def ask() -> None:
        with pytest.raises(StoppedError):
            question()
        ended.append(True)

    thread = threading.Thread(target=ask)
    thread.start()
    wait_until(lambda: any(place in path for path in hostile.seen), "the question")
    assert not ended
    cancel.set()
    thread.join(WAIT_SECONDS)
    assert ended, "the limits are a minute and more: the cancel did it"


def test_a_refresh_of_the_list_is_cancelled_too(hostile: HostileServer, asking: LibraryServices) -> None:
    hostile.places["/api/models/"] = silence
    cancel = threading.Event()
    threading.Thread(target=lambda: (wait_until(lambda: hostile.seen), cancel.set())).start()
    with pytest.raises(StoppedError):
        list(refresh(asking, cancel))


def test_a_cancel_before_the_question_asks_nobody(hostile: HostileServer, asking: LibraryServices) -> None:
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(StoppedError):
        asking.hub.look("owner/tiny", None, cancel)


def test_the_description_of_a_release_is_bounded(hostile: HostileServer, asking: LibraryServices) -> None:
    hostile.places["/updates.json"] = answer(b'{"format": 1, "x": [' + b"[]," * 60_000 + b"0]}")
    with pytest.raises(UpdateError, match=r"127\.0\.0\.1:\d+ sent more"):
        UpdateService(asking).ask()


@pytest.mark.parametrize(("limit", "most"), [(limits.FILE_LIST, "400,000"), (limits.RELEASE, "20,000")])
def test_too_many_values_are_said_as_what_they_are(limit: limits.Limit, most: str) -> None:
    """The description of a release names no files of a model."""
    question = httpx2.Request("GET", "https://example.org/updates.json")
    body = BoundedBody(
        httpx2.Response(200, request=question, stream=httpx2.ByteStream(b"," * (limit.most_values + 1))),
        limit,
        lambda: None,
    )
    with pytest.raises(AnswerError) as caught:
        list(body)
    said = f"example.org sent more than {most} values where far fewer were asked for, so no more of it was read."
    assert caught.value.user_text == said
