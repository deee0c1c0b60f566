"""A server or a network that misbehaves: either it ends right, or with one sentence; nothing is lost, nothing is wrong.

The files: one that the hub gives out itself, and one of several ranges that comes from the CDN.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from app.transfers import finish
from app.transfers.errors import TransferError
from app.transfers.existing import bytes_present
from app.transfers.fetch import fetch
from app.transfers.file_state import FileState
from app.transfers.values import Progress, TransferEvent, Waiting
from tests.app.transfers.support import (
    KIB,
    SILENCE,
    assert_all_right,
    assert_nothing_wrong,
    final_names,
    leftovers,
    only,
    open_client,
    remote_files,
    run,
    with_,
)
from tests.helpers.hub_behaviour import EXPIRED, GATED, Fault, Repo, drop, make_repo, stall, status
from tests.helpers.hub_server import Hub

SMALL, LARGE = "config.json", "model.bin"
SIZES = {SMALL: 60_000, LARGE: 1_000_000}


@pytest.fixture
def repo(hub: Hub) -> Repo:
    return hub.add(make_repo(11, list(SIZES.items())))


def timeouts(fault: Fault) -> dict[str, float]:
    """A stall is waited for; elsewhere nothing counts as one."""
    return {"read_timeout": SILENCE} if fault.kind == "stall" else {}


@pytest.mark.parametrize("path", [SMALL, LARGE])
@pytest.mark.parametrize(
    "fault",
    [
        drop(),
        drop(after=1),
        drop(after=50_000),
        pytest.param(stall(), marks=pytest.mark.slow),
        pytest.param(stall(after=50_000), marks=pytest.mark.slow),
        Fault("short", after=50_000),
        Fault("slow", after=400_000),
        status(500),
        status(502),
        status(503, retry_after="0"),
        status(408),
        status(429, retry_after="0"),
    ],
    ids=lambda fault: f"{fault.kind}-{fault.status if fault.kind == 'status' else fault.after}",
)
def test_what_happens_once_or_twice_costs_nothing(hub: Hub, repo: Repo, folder: Path, path: str, fault: Fault) -> None:
    hub.behaviour.plan(path, fault, times=2)
    events = run(remote_files(hub, repo), folder, with_(**timeouts(fault)))
    assert_all_right(repo, folder, events)
    assert hub.behaviour.counts() == SIZES, "no byte was sent twice"


@pytest.mark.parametrize("where", ["hub", "cdn"])
def test_both_hosts_may_fail(hub: Hub, repo: Repo, folder: Path, where: str) -> None:
    for fault in (status(500), stall(), drop()):
        hub.behaviour.plan(LARGE, fault, where=where)  # type: ignore[arg-type]
    assert_all_right(repo, folder, run(remote_files(hub, repo), folder, with_(tries=8, read_timeout=SILENCE)))


@pytest.mark.slow
def test_a_router_that_restarts_again_and_again(hub: Hub, repo: Repo, folder: Path) -> None:
    hub.behaviour.rate = 100_000  # it would take ten seconds
    events: list[TransferEvent] = []
    cuts = 0
    for event in fetch(remote_files(hub, repo), folder, open_client, with_(tries=8), cancel=threading.Event()):
        events.append(event)
        if isinstance(event, Progress) and cuts < 4:
            hub.cut()
            cuts += 1
        elif cuts == 4:
            hub.behaviour.rate = 0
    assert cuts == 4
    assert_all_right(repo, folder, events)
    assert hub.behaviour.total_sent < 1.5 * repo.size


@pytest.mark.parametrize(
    ("fault", "kind", "sentence"),
    [
        (status(401), "unauthorized", "The server gives {path} only to users who have signed in."),
        (GATED, "gated", "The owner of {path} asks everybody to accept conditions first."),
        (status(403), "forbidden", "The server does not allow {path} to be fetched."),
        (status(404, "EntryNotFound"), "missing", "The server has no file {path}."),
        (status(410), "missing", "The server has no file {path}."),
        (status(418), "protocol", "127.0.0.1 answers in a way that cannot be used: status 418."),
        (status(500), "network", "127.0.0.1 answers with error 500 again and again."),
        (status(429, retry_after="0"), "network", "127.0.0.1 wants fewer requests from this address."),
        (drop(), "network", "The connection to 127.0.0.1 breaks off."),
        pytest.param(
            stall(),
            "network",
            "The connection to 127.0.0.1 is silent for too long.",
            marks=pytest.mark.slow,
            id="stall",
        ),
        (Fault("etag", code="ever-new"), "", ""),
    ],
    ids=lambda value: value.kind + str(value.status) if isinstance(value, Fault) else None,
)
def test_what_never_ends_is_one_sentence(
    hub: Hub, repo: Repo, folder: Path, fault: Fault, kind: str, sentence: str
) -> None:
    """The other file, and what came of this one before, is kept: the next run fetches the rest alone."""
    files = remote_files(hub, repo)
    hub.behaviour.plan(LARGE, fault, where="any", skip=2, times=None)
    if not kind:
        assert_all_right(repo, folder, run(files, folder))  # the hub's own word on the version counts, not the CDN's
        return
    with pytest.raises(TransferError) as caught:
        run(files, folder, with_(connections=1, **timeouts(fault)))
    assert caught.value.kind == kind
    assert caught.value.user_text == sentence.format(path=LARGE)
    assert caught.value.hint.endswith(".")
    assert_nothing_wrong(repo, folder)
    assert final_names(folder) == {SMALL}
    kept = bytes_present(files, folder)
    assert kept == SIZES[SMALL] + 2 * 256 * KIB
    hub.behaviour.forget()
    assert_all_right(repo, folder, run(files, folder))
    assert hub.behaviour.total_sent == repo.size - kept


def test_a_server_that_is_not_there(folder: Path) -> None:
    with Hub() as hub:
        files = remote_files(hub, hub.add(make_repo(11, list(SIZES.items()))))
    with pytest.raises(TransferError, match=r"The connection to 127\.0\.0\.1 cannot be made") as caught:
        run(files, folder)
    assert caught.value.kind == "network"
    assert final_names(folder) == set()


@pytest.mark.slow
def test_progress_resets_the_count_of_failures(hub: Hub, repo: Repo, folder: Path) -> None:
    hub.behaviour.plan(LARGE, drop(after=20_000), times=40)
    assert_all_right(repo, folder, run(remote_files(hub, repo), folder, with_(tries=2, connections=1)))
    assert len(hub.behaviour.requests(LARGE, "cdn")) > 40


def retry_date() -> str:
    return format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True)


@pytest.mark.parametrize(
    ("number", "value"),
    [
        (429, lambda: "1"),
        pytest.param(503, lambda: "1", marks=pytest.mark.slow),
        pytest.param(429, retry_date, marks=pytest.mark.slow),
        pytest.param(429, lambda: "999", marks=pytest.mark.slow),
    ],
)
def test_retry_after_is_honoured_up_to_a_limit(
    hub: Hub, repo: Repo, folder: Path, number: int, value: Callable[[], str]
) -> None:
    hub.behaviour.plan(SMALL, status(number, retry_after=value()), where="hub", times=2)
    started = time.monotonic()
    events = run(remote_files(hub, repo), folder, with_(connections=1))
    assert_all_right(repo, folder, events)
    assert time.monotonic() - started >= 2.0
    waits = [event for event in only(events, Waiting) if event.reason == "server"]
    assert waits
    assert waits[0].text == "The server is busy; the download goes on by itself."
    assert all(0 < event.seconds <= 1.0 for event in waits)


def test_a_wait_for_the_network_is_told(hub: Hub, repo: Repo, folder: Path) -> None:
    hub.behaviour.plan("*", drop(), times=6)
    events = run(remote_files(hub, repo), folder, with_(tries=9, backoff_base=0.4, backoff_cap=0.4))
    assert_all_right(repo, folder, events)
    texts = {event.text for event in only(events, Waiting) if event.reason == "network"}
    assert texts == {"The network does not answer; the download goes on by itself as soon as it does."}


def test_a_range_that_is_ignored(hub: Hub, repo: Repo, folder: Path) -> None:
    """The whole file comes over one connection; the others let go of it."""
    hub.behaviour.plan(LARGE, Fault("ignore-range"), where="cdn", times=None)
    events = run(remote_files(hub, repo), folder)
    assert_all_right(repo, folder, events)
    assert len(hub.behaviour.requests(LARGE, "cdn")) <= 3, "each connection asked at most once"


def test_a_range_that_is_ignored_after_a_part_came(hub: Hub, repo: Repo, folder: Path) -> None:
    files = remote_files(hub, repo)
    hub.behaviour.plan(LARGE, status(403), where="cdn", skip=2, times=None)
    with pytest.raises(TransferError):
        run(files, folder, with_(connections=1))
    hub.behaviour.forget()
    hub.behaviour.plan(LARGE, Fault("ignore-range"), where="cdn", times=None)
    before = (folder / f"{LARGE}.part").stat().st_ino
    totals = [event.done for event in only(run(files, folder, with_(connections=2)), Progress)]
    assert totals == sorted(totals), "what was there is used"
    assert totals[0] >= 2 * 256 * KIB
    assert_all_right(repo, folder, run(files, folder))
    assert (folder / LARGE).stat().st_ino == before


def test_an_answer_longer_than_asked_is_cut(hub: Hub, repo: Repo, folder: Path) -> None:
    hub.behaviour.plan(LARGE, Fault("long"), where="cdn", times=None)
    assert_all_right(repo, folder, run(remote_files(hub, repo), folder))


@pytest.mark.parametrize("fault", [status(416), Fault("wrong-total"), Fault("etag", code="other")])
def test_a_file_that_changed_starts_over_once(hub: Hub, repo: Repo, folder: Path, fault: Fault) -> None:
    where = "hub" if fault.kind == "etag" else "cdn"
    files = remote_files(hub, repo)
    hub.behaviour.plan(LARGE, EXPIRED, where="cdn", skip=1, times=None)
    with pytest.raises(TransferError):
        run(files, folder, with_(connections=1))
    assert bytes_present(files, folder) == SIZES[SMALL] + 256 * KIB
    hub.behaviour.forget()
    hub.behaviour.plan(LARGE, fault, where=where)  # type: ignore[arg-type]
    assert_all_right(repo, folder, run(files, folder, with_(connections=1)))
    assert hub.behaviour.counts()[LARGE] in (SIZES[LARGE], SIZES[LARGE] + 256 * KIB)


@pytest.mark.parametrize("connections", [1, 3])
def test_a_file_that_keeps_changing_is_one_sentence(hub: Hub, repo: Repo, folder: Path, connections: int) -> None:
    hub.behaviour.plan(LARGE, Fault("wrong-total"), where="cdn", skip=1, times=None)
    with pytest.raises(TransferError, match=r"model\.bin is being changed on the server") as caught:
        run(remote_files(hub, repo), folder, with_(connections=connections))
    assert caught.value.kind == "changed"
    assert final_names(folder) <= {SMALL}


@pytest.mark.parametrize("path", [SMALL, LARGE])
def test_wrong_bytes_of_the_right_length(hub: Hub, repo: Repo, folder: Path, path: str) -> None:
    files = remote_files(hub, repo)
    hub.behaviour.plan(path, Fault("wrong-bytes"))
    assert_all_right(repo, folder, run(files, folder))
    assert hub.behaviour.counts()[path] == 2 * SIZES[path], "the file started over, once"


@pytest.mark.parametrize("path", [SMALL, LARGE])
def test_wrong_bytes_twice_are_one_sentence(hub: Hub, repo: Repo, folder: Path, path: str) -> None:
    hub.behaviour.plan(path, Fault("wrong-bytes"), times=None)
    with pytest.raises(TransferError, match="was fetched twice and both times its content was not") as caught:
        run(remote_files(hub, repo), folder)
    assert caught.value.kind == "damaged"
    assert path not in final_names(folder)
    assert hub.behaviour.counts()[path] == 2 * SIZES[path]
    assert not [left for left in leftovers(folder) if left.name.startswith(path)], "wrong bytes are not kept"
    hub.behaviour.forget()
    assert_all_right(repo, folder, run(remote_files(hub, repo), folder))


def test_wrong_bytes_are_found_while_they_come(
    hub: Hub, repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without the check of the finished file."""
    monkeypatch.setattr(finish, "check_file", lambda *args: iter([True]))
    hub.behaviour.plan(LARGE, Fault("wrong-bytes"))
    assert_all_right(repo, folder, run(remote_files(hub, repo), folder))


def test_wrong_bytes_of_the_disk_are_found_before_the_end(
    hub: Hub, repo: Repo, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bit that falls over after it was hashed."""
    original, turned = finish.Finisher.add, list[Path]()

    def add(self: finish.Finisher, state: FileState) -> None:
        if not turned and state.file.path == LARGE:
            turned.append(state.part.path)
            with state.part.path.open("r+b") as file:
                file.seek(SIZES[LARGE] // 2)
                (byte,) = file.read(1)
                file.seek(-1, 1)
                file.write(bytes([byte ^ 4]))
        original(self, state)

    monkeypatch.setattr(finish.Finisher, "add", add)
    assert_all_right(repo, folder, run(remote_files(hub, repo), folder))
    assert turned
    assert hub.behaviour.counts()[LARGE] == 2 * SIZES[LARGE]


def test_a_new_version_on_the_server(hub: Hub, repo: Repo, folder: Path) -> None:
    """What came of the old version is not mixed with the new one."""
    hub.behaviour.plan(LARGE, EXPIRED, where="cdn", skip=2, times=None)
    with pytest.raises(TransferError):
        run(remote_files(hub, repo), folder, with_(connections=1))
    hub.behaviour.forget()
    new = hub.add(make_repo(12, list(SIZES.items())))
    assert_all_right(new, folder, run(remote_files(hub, new), folder))
