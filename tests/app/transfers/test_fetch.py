"""Downloads that go well, go on, or are stopped."""

from __future__ import annotations

import os
import stat
import threading
import time
from pathlib import Path

import pytest

from app.transfers.existing import bytes_present
from app.transfers.fetch import fetch
from app.transfers.pace import EVENT_SECONDS
from app.transfers.values import Digest, Progress, RemoteFile, TransferFinished, TransferStopped, Verifying
from tests.app.transfers.support import (
    KIB,
    QUICK,
    assert_all_right,
    assert_nothing_wrong,
    final_names,
    finished_paths,
    leftovers,
    only,
    open_client,
    remote_files,
    run,
    with_,
)
from tests.helpers.hub_behaviour import Fault, make_repo, stall
from tests.helpers.hub_server import Hub

FILES = [("config.json", 900), ("empty.txt", 0), ("a/b/model-1.bin", 1_500_000), ("a/model-2.bin", 700_000), ("c", 1)]


@pytest.mark.parametrize("connections", [1, 2, 8])
def test_all_files_arrive_each_byte_once(hub: Hub, folder: Path, connections: int) -> None:
    repo = hub.add(make_repo(1, FILES))
    files = remote_files(hub, repo)
    events = run(files, folder, with_(connections=connections))
    assert_all_right(repo, folder, events)
    assert finished_paths(events) == set(repo.files)
    assert hub.behaviour.counts() == {path: size for path, size in FILES if size}
    last = only(events, Progress)[-1]
    assert (last.done, last.total) == (repo.size, repo.size)
    assert bytes_present(files, folder) == repo.size


def test_large_files_are_asked_for_in_ranges_in_order(hub: Hub, folder: Path) -> None:
    repo = hub.add(make_repo(1, [("model.bin", 1_000_000)]))
    run(remote_files(hub, repo), folder, with_(connections=1, range_bytes=300_000))
    asked = [seen.headers.get("range") for seen in hub.behaviour.requests("model.bin", "cdn")]
    assert asked == ["bytes=0-299999", "bytes=300000-599999", "bytes=600000-899999", "bytes=900000-999999"]
    assert len(hub.behaviour.requests("model.bin", "hub")) == 1, "where the bytes are is asked once"
    assert all(seen.headers["accept-encoding"] == "identity" for seen in hub.behaviour.seen)


def test_the_real_hub_sends_small_files_round_its_own_cache(folder: Path) -> None:
    with Hub(resolve_cache=True) as hub:
        repo = hub.add(make_repo(1, FILES))
        assert_all_right(repo, folder, run(remote_files(hub, repo), folder))


def test_what_is_there_is_not_fetched_again(hub: Hub, folder: Path) -> None:
    repo = hub.add(make_repo(1, FILES))
    files = remote_files(hub, repo)
    run(files, folder)
    hub.behaviour.forget()
    events = run(files, folder)
    assert_all_right(repo, folder, events)
    assert finished_paths(events) == set(repo.files), "they were hashed, and that is told"
    events = run(files, folder, verified=list(repo.files))
    assert finished_paths(events) == set()
    assert hub.behaviour.seen == []


def test_a_wrong_file_is_replaced_only_by_the_right_one(hub: Hub, folder: Path) -> None:
    repo = hub.add(make_repo(1, FILES))
    files = remote_files(hub, repo)
    run(files, folder)
    wrong = folder / "a" / "model-2.bin"
    wrong.write_bytes(bytes(700_000))
    hub.behaviour.plan("a/model-2.bin", stall(), where="cdn", skip=2, times=None)
    cancel = threading.Event()
    for event in fetch(files, folder, open_client, QUICK, cancel=cancel):
        if isinstance(event, Progress) and event.done > repo.size - 700_000 + 400_000:
            cancel.set()
    assert wrong.read_bytes() == bytes(700_000), "the old one is there until the new one is complete"
    hub.behaviour.forget()
    events = run(files, folder)
    assert_all_right(repo, folder, events)
    assert hub.behaviour.total_sent < 700_000


def test_a_trusted_file_of_the_right_size_is_trusted(hub: Hub, folder: Path) -> None:
    repo = hub.add(make_repo(1, [("a.bin", 1000)]))
    folder.mkdir(parents=True)
    (folder / "a.bin").write_bytes(bytes(1000))
    run(remote_files(hub, repo), folder, verified=["a.bin"])
    assert hub.behaviour.seen == []
    (folder / "a.bin").write_bytes(bytes(999))
    assert_all_right(repo, folder, run(remote_files(hub, repo), folder, verified=["a.bin"]))


@pytest.mark.parametrize("fault", [stall(), stall(after=100_000), Fault("slow", after=20_000)])
def test_a_cancel_ends_it_soon_and_keeps_what_came(hub: Hub, folder: Path, fault: Fault) -> None:
    repo = hub.add(make_repo(1, FILES))
    files = remote_files(hub, repo)
    hub.behaviour.plan("*", fault, where="cdn", skip=2, times=None)
    cancel = threading.Event()
    for event in fetch(files, folder, open_client, QUICK, cancel=cancel):
        if isinstance(event, Progress) and event.done >= 2 * 256 * KIB:
            cancel.set()
    assert isinstance(event, TransferStopped), "nobody waited for what the server does not send"
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("transfer")]
    assert_nothing_wrong(repo, folder)
    kept = bytes_present(files, folder)
    assert kept >= 2 * 256 * KIB
    assert leftovers(folder)
    hub.behaviour.forget()
    assert_all_right(repo, folder, run(files, folder))
    assert hub.behaviour.total_sent == repo.size - kept


def test_a_consumer_that_leaves_early_leaves_no_thread(hub: Hub, folder: Path) -> None:
    repo = hub.add(make_repo(1, FILES))
    hub.behaviour.plan("*", stall(after=50_000), times=None)
    events = fetch(remote_files(hub, repo), folder, open_client, QUICK, cancel=threading.Event())
    for event in events:
        if isinstance(event, Progress) and event.done:
            break
    events.close()
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("transfer")]
    hub.behaviour.forget()
    assert_all_right(repo, folder, run(remote_files(hub, repo), folder))


def test_a_cancel_before_the_start(hub: Hub, folder: Path) -> None:
    repo = hub.add(make_repo(1, FILES))
    cancel = threading.Event()
    cancel.set()
    assert run(remote_files(hub, repo), folder, cancel=cancel) == [TransferStopped()]
    assert final_names(folder) == set()


def test_a_file_is_on_the_disk_before_it_has_its_name(hub: Hub, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Written through, renamed, and the folder written through as well."""
    steps: list[str] = []
    sync, replace = os.fsync, os.replace

    def fsync(handle: int) -> None:
        steps.append("sync folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "sync file")
        sync(handle)

    def rename(source: str, target: str) -> None:
        steps.append("rename")
        replace(source, target)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "replace", rename)
    run(remote_files(hub, hub.add(make_repo(1, [("a.bin", 10)]))), folder)
    assert steps == ["sync file", "rename", *["sync folder"] * (os.name != "nt")]


def test_nothing_to_fetch_is_finished(folder: Path) -> None:
    assert run([], folder)[-1] == TransferFinished()


def test_events_come_about_five_times_a_second(hub: Hub, folder: Path) -> None:
    """Never sooner, and also while nothing comes."""
    repo = hub.add(make_repo(1, [("a.bin", 1_000_000)]))
    hub.behaviour.plan("a.bin", stall(), where="cdn", skip=2)
    files, cancel = remote_files(hub, repo), threading.Event()
    told: list[Progress] = []
    began = time.monotonic()
    for event in fetch(files, folder, open_client, with_(connections=1), cancel=cancel):
        if isinstance(event, Progress) and not cancel.is_set():
            told.append(event)
            assert time.monotonic() - began >= EVENT_SECONDS * (len(told) - 1)
            if len(told) > 5 and event.done:
                cancel.set()
    assert [event.done for event in told] == sorted(event.done for event in told)
    assert told[-1].done == 2 * 256 * KIB
    assert all((event.seconds_left is not None) == (event.rate > 0) for event in told)
    assert told[-1].file == "a.bin"
    events = run(files, folder)
    assert all(event.total == 1_000_000 for event in only(events, Verifying))


def test_values_out_of_range_are_named() -> None:
    with pytest.raises(ValueError, match="kind is 'md5'"):
        Digest("md5", "0" * 32)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="64 lower-case hexadecimal digits"):
        Digest("sha256", "0" * 40)
    with pytest.raises(ValueError, match="size is -1"):
        RemoteFile("a", "http://127.0.0.1/", -1, Digest("sha256", "0" * 64))
