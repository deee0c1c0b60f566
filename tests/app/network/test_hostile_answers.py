"""A server that means ill: always a sentence, little memory, and an end."""

from __future__ import annotations

import contextlib
import gzip
import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from app.base.errors import KnownAppError, StoppedError
from app.library.download import refresh
from app.library.hub import RemoteModel
from app.library.services import LibraryServices
from app.network import limits
from app.updates.errors import UpdateError
from app.updates.service import UpdateService
from tests.app.conftest import MakeServices
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
from tests.helpers.scale import sized
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
@pytest.mark.parametrize("place", sized((PLACES[1], PLACES[-1]), PLACES))
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


def test_a_licence_of_too_many_lines_is_shown_cut(hostile: HostileServer, asking: LibraryServices) -> None:
    hostile.places["/LICENSE"] = answer(b"a\n" * 60_000)
    text = asking.hub.licence_text(asking.hub.look("owner/tiny"))
    assert text.count("\n") < 10_100
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


LATER = "Try again in some minutes; what is downloaded already is kept."
PAGE = "Open a page in your browser and log in if it asks you to, then try again."


@pytest.mark.parametrize("place", [PLACES[0], PLACES[-1]])
@pytest.mark.parametrize(
    ("body", "said", "hint"),
    [
        (b"<!DOCTYPE html><p>Log in", "answered with a web page where data was asked for", PAGE),
        (b"\xef\xbb\xbf \n<html>", "answered with a web page where data was asked for", PAGE),
        (b"  \n", "sent an empty answer", LATER),
        (listing()[:-1], "ended in the middle", LATER),
        (listing()[:40], "ended in the middle", LATER),
        (
            b'{"error": "We are\\n\\u202eout of order"}',
            "answered that it failed: \u201cWe are out of order\u201d.",
            LATER,
        ),
    ],
)
def test_what_came_in_place_of_an_answer_is_said(
    hostile: HostileServer, asking: LibraryServices, place: str, body: bytes, said: str, hint: str
) -> None:
    hostile.places = {place: answer(body)}
    ask = UpdateService(asking).ask if place == PLACES[-1] else partial(asking.hub.look, "owner/tiny")
    with pytest.raises(KnownAppError) as caught:
        ask()
    assert said in caught.value.user_text
    assert "127.0.0.1" in caught.value.user_text
    assert caught.value.hint == hint


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "adapter_config.json"])
def test_a_page_in_place_of_a_file_is_no_damage_of_the_repository(
    hostile: HostileServer, asking: LibraryServices, name: str
) -> None:
    good = {"rfilename": "config.json", "size": 700, "blobId": "a" * 40}
    files = [good, good | {"rfilename": name}][name == "adapter_config.json" :]
    hostile.places |= {"/api/models/": answer(listing(siblings=files)), f"/{name}": answer(b"<html>")}
    with pytest.raises(KnownAppError, match="answered with a web page"):
        asking.hub.look("owner/tiny")


def test_a_list_of_a_million_files_costs_nothing_here(hostile: HostileServer, asking: LibraryServices) -> None:
    hostile.places["/api/models/"] = answer(ODD_LISTINGS["6000 shards"])
    with pytest.raises(KnownAppError, match="has more files than any model"):
        asking.hub.look("owner/tiny")


@pytest.mark.parametrize("body", [b'{"format": 1, "x": [' + b"[]," * 60_000 + b"0]}", b"[" * 50, b'{"format": 1e999}'])
def test_the_description_of_a_release_is_bounded(hostile: HostileServer, asking: LibraryServices, body: bytes) -> None:
    hostile.places["/updates.json"] = answer(body)
    with pytest.raises(UpdateError, match=r"not the description of a release|ended in the middle"):
        UpdateService(asking).ask()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("HTTP_PROXY", "socks9://x", "The proxy that this computer's environment names"),
        ("ALL_PROXY", "file:///dev/zero", "The proxy that this computer's environment names"),
        ("HTTP_PROXY", "http://[::1", "The proxy that this computer's environment names"),
        ("HF_ENDPOINT", "http://[::1", "http://[::1 cannot be reached"),
        ("HF_ENDPOINT", "http://[" + "a." * 5000, "cannot be reached"),
        ("HF_ENDPOINT", "javascript:alert(1)", "javascript:alert(1) cannot be reached"),
    ],
)
def test_an_odd_environment_is_a_sentence_about_it(
    make_services: MakeServices, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv(name, value)
    with pytest.raises(KnownAppError) as caught:
        make_services().hub.look("owner/tiny")
    assert said in caught.value.user_text
    assert len(caught.value.user_text) < 300
