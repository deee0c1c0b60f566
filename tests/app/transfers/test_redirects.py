"""Redirects are followed by hand: credentials stay at home, loops end, an expired address is asked for anew.

Ways that the local hub cannot go (https) are played by a transport without a network.
"""

from __future__ import annotations

import gzip
import hashlib
import logging
import threading
import traceback
from collections.abc import Callable
from pathlib import Path

import httpx2
import pytest

from app.transfers.errors import TransferError
from app.transfers.fetch import fetch
from app.transfers.values import Digest, RemoteFile, TransferEvent, TransferFinished
from tests.app.transfers.support import QUICK, SILENCE, TOKEN, assert_all_right, leftovers, remote_files, run, with_
from tests.helpers.hub_behaviour import EXPIRED, Fault, Repo, drop, make_repo, stall, status
from tests.helpers.hub_server import Hub

LARGE = "model.bin"
HOME = "https://hub.test/owner/model/resolve/main/model.bin"
DATA = b"0123456789" * 10
FILE = RemoteFile(LARGE, HOME, len(DATA), Digest("sha256", hashlib.sha256(DATA).hexdigest()))
Answers = Callable[[httpx2.Request], httpx2.Response]


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add(make_repo(21, [("config.json", 500), (LARGE, 1_000_000)]))


def play(folder: Path, answers: Answers) -> tuple[list[httpx2.Request], list[TransferEvent]]:
    """Fetch `FILE` from a network that is only played."""
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return answers(request)

    def client() -> httpx2.Client:
        return httpx2.Client(transport=httpx2.MockTransport(handle))

    return seen, list(fetch([FILE], folder, client, QUICK, token=TOKEN, cancel=threading.Event()))


def body(number: int, data: bytes, headers: dict[str, str] | None = None) -> httpx2.Response:
    """An answer whose body is still to come."""
    return httpx2.Response(number, stream=httpx2.ByteStream(data), headers=headers)


def to(url: str, **headers: str) -> httpx2.Response:
    return httpx2.Response(302, headers={"Location": url, **headers})


def test_the_token_goes_to_the_first_host_alone(hub: Hub, repo: Repo, folder: Path) -> None:
    events = run(remote_files(hub, repo), folder, token=TOKEN)
    assert_all_right(repo, folder, events)
    home = hub.behaviour.requests(LARGE, "hub") + hub.behaviour.requests("config.json", "hub")
    away = hub.behaviour.requests(LARGE, "cdn")
    assert home
    assert away
    assert {seen.headers.get("authorization") for seen in home} == {f"Bearer {TOKEN}"}
    assert not [seen for seen in away if "authorization" in seen.headers]


def test_a_token_that_crossed_the_border_does_not_come_back(folder: Path) -> None:
    ways = {
        "/owner/model/resolve/main/model.bin": to("/same/host"),
        "/same/host": to("https://cdn.test/away"),
        "/away": to("https://hub.test/back"),
        "/back": body(200, DATA),
    }
    seen, events = play(folder, lambda request: ways[request.url.path])
    assert isinstance(events[-1], TransferFinished)
    assert [("authorization" in request.headers) for request in seen] == [True, True, False, False]


@pytest.mark.parametrize("other", ["http://hub.test:443/x", "https://hub.test:444/x", "https://hub.test.evil/x"])
def test_another_port_or_scheme_is_another_host(folder: Path, other: str) -> None:
    file = RemoteFile(LARGE, "http://hub.test/x", len(DATA), FILE.digest)
    seen: list[httpx2.Request] = []

    def handle(request: httpx2.Request) -> httpx2.Response:
        seen.append(request)
        return to(other) if len(seen) == 1 else body(200, DATA)

    client = httpx2.MockTransport(handle)
    events = fetch(
        [file], folder, lambda: httpx2.Client(transport=client), QUICK, token=TOKEN, cancel=threading.Event()
    )
    assert isinstance(list(events)[-1], TransferFinished)
    assert [("authorization" in request.headers) for request in seen] == [True, False]


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        (lambda request: to(str(request.url)), "hub.test sends the download round in a circle."),
        (
            lambda request: to("/b" if request.url.path == "/a" else "/a"),
            "hub.test sends the download round in a circle.",
        ),
        (lambda request: to(str(request.url) + "x"), "hub.test passes the download on too many times."),
        (
            lambda request: to("http://hub.test/x"),
            "hub.test passes the download on to an address that is not encrypted; that is refused.",
        ),
        (lambda request: httpx2.Response(302), "answers in a way that cannot be used: a redirect without an address."),
        (lambda request: to("ftp://hub.test/x"), "a redirect to something else than a web server."),
        (lambda request: to("file:///etc/passwd"), "a redirect to something else than a web server."),
        (lambda request: to("https://hub.test:port/x"), "a redirect without an address."),
    ],
)
def test_bad_redirects_are_one_sentence(folder: Path, answers: Answers, sentence: str) -> None:
    with pytest.raises(TransferError) as caught:
        play(folder, answers)
    assert caught.value.kind == "protocol"
    assert caught.value.user_text.endswith(sentence)


def test_five_redirects_are_allowed(folder: Path) -> None:
    def answers(request: httpx2.Request) -> httpx2.Response:
        number = int(request.url.path[2:]) if request.url.path.startswith("/n") else 0
        return to(f"/n{number + 1}") if number < 5 else body(200, DATA)

    seen, events = play(folder, answers)
    assert isinstance(events[-1], TransferFinished)
    assert len(seen) == 6


def test_an_answer_longer_than_the_file_is_cut(folder: Path) -> None:
    _, events = play(folder, lambda request: body(200, DATA + b"and more", {"Content-Length": str(len(DATA) + 8)}))
    assert isinstance(events[-1], TransferFinished)
    assert (folder / LARGE).read_bytes() == DATA


def test_an_encoded_answer_is_decoded(folder: Path) -> None:
    """A proxy may compress what was asked for as it is."""
    head = {"Content-Encoding": "gzip"}
    _, events = play(folder, lambda request: body(200, gzip.compress(DATA), head))
    assert isinstance(events[-1], TransferFinished)
    assert (folder / LARGE).read_bytes() == DATA


def test_a_redirect_of_the_hub_to_itself(hub: Hub, repo: Repo, folder: Path) -> None:
    hub.behaviour.plan(LARGE, Fault("loop"), where="hub", times=None)
    with pytest.raises(TransferError, match="round in a circle"):
        run(remote_files(hub, repo), folder)


@pytest.mark.parametrize("number", [401, 403, 404, 410])
@pytest.mark.parametrize("skip", [0, 2])
def test_an_expired_address_is_asked_for_anew(hub: Hub, repo: Repo, folder: Path, number: int, skip: int) -> None:
    hub.behaviour.plan(LARGE, status(number), where="cdn", skip=skip)
    events = run(remote_files(hub, repo), folder, with_(connections=1))
    assert_all_right(repo, folder, events)
    assert hub.behaviour.counts()[LARGE] == 1_000_000
    assert len(hub.behaviour.requests(LARGE, "hub")) == 2


def test_an_address_that_stays_expired_is_an_error(hub: Hub, repo: Repo, folder: Path) -> None:
    hub.behaviour.plan(LARGE, EXPIRED, where="cdn", times=None)
    with pytest.raises(TransferError) as caught:
        run(remote_files(hub, repo), folder, with_(connections=1))
    assert caught.value.kind == "forbidden"
    assert len(hub.behaviour.requests(LARGE, "cdn")) == 2


def test_a_file_whose_url_went_is_not_asked_for_twice(hub: Hub, repo: Repo, folder: Path) -> None:
    hub.behaviour.plan(LARGE, status(404), where="hub", times=None)
    with pytest.raises(TransferError, match=r"The server has no file model\.bin"):
        run(remote_files(hub, repo), folder, with_(connections=1))
    assert len(hub.behaviour.requests(LARGE)) == 1


@pytest.mark.parametrize(
    "fault",
    [
        status(401),
        drop(),
        pytest.param(stall(), marks=pytest.mark.slow),
        status(500),
        Fault("loop"),
        Fault("wrong-bytes"),
    ],
)
def test_tokens_and_signatures_are_nowhere(
    hub: Hub, repo: Repo, folder: Path, fault: Fault, caplog: pytest.LogCaptureFixture
) -> None:
    hub.behaviour.plan(LARGE, fault, skip=1, times=None)
    hub.behaviour.plan(LARGE, fault, where="hub", skip=1, times=None)
    with caplog.at_level(logging.DEBUG, "dewpoint"), pytest.raises(TransferError) as caught:
        run(remote_files(hub, repo), folder, with_(read_timeout=SILENCE, tries=2), token=TOKEN)
    said = "".join(traceback.format_exception(caught.value)) + repr(caught.value) + caplog.text
    chain: BaseException | None = caught.value
    while chain is not None:
        said += repr(vars(chain))
        chain = chain.__cause__ or chain.__context__
    written = b"".join(path.read_bytes() for path in leftovers(folder) if path.name.endswith(".journal"))
    assert caplog.text
    for secret in (TOKEN, "X-Amz-Signature", "Authorization"):
        assert secret not in said
        assert secret.encode() not in written


@pytest.mark.parametrize("token", ["", "hf_with\nbreak", "hf with space", "hf_ü", "hf_\0"])
def test_a_token_that_cannot_be_one(hub: Hub, repo: Repo, folder: Path, token: str) -> None:
    with pytest.raises(TransferError, match="characters that no access token has") as caught:
        run(remote_files(hub, repo), folder, token=token)
    assert caught.value.kind == "unauthorized"
    assert not token or token not in str(caught.value)
    assert hub.behaviour.seen == []


def test_a_changed_content_behind_the_same_address(folder: Path) -> None:
    """Without a word of the first host the second's ETag says that the content is another one."""
    tags = iter(["a", "a", "b", "b", "b", "b", "b", "b", "b", "b"])

    def answers(request: httpx2.Request) -> httpx2.Response:
        start, end = (int(word) for word in request.headers["Range"].removeprefix("bytes=").split("-"))
        head = {"Content-Range": f"bytes {start}-{end}/{len(DATA)}", "ETag": f'W/"{next(tags)}"'}
        return body(206, DATA[start : end + 1], head)

    def client() -> httpx2.Client:
        return httpx2.Client(transport=httpx2.MockTransport(answers))

    options = with_(connections=1, range_bytes=25)
    assert isinstance(list(fetch([FILE], folder, client, options, cancel=threading.Event()))[-1], TransferFinished)
    assert next(tags) == "b"
    assert len(list(tags)) == 2, "2 ranges of the first version, 1 that showed the second, and 4 anew"
