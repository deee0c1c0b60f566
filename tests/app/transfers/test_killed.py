"""A program that is killed again and again loses next to nothing; two programs do not get into each other's way."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import random
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.transfers.errors import TransferError
from app.transfers.fetch import fetch
from app.transfers.own import OwnFolder
from app.transfers.part import PartFile
from tests.app.transfers.support import QUICK, assert_all_right, final_names, leftovers, open_client, remote_files, run
from tests.helpers.hub_behaviour import make_repo, stall
from tests.helpers.hub_server import Hub
from tests.helpers.scale import sized
from tests.helpers.waiting import WAIT_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[3]
REPO = "owner/model"
KILLS = sized(12, 50)
RATE = 16_000_000  # bytes per second, so that a run between two kills gets its share of the files
MB = 1_000_000
SIZES = sized(
    [20 * MB] * 2 + [9 * MB] + [5 * MB + 7] * 3 + [MB + 1] * 8 + [70_000] * 6 + [900] * 10 + [0],
    [40 * MB] * 4 + [21 * MB, 17 * MB, 13 * MB] + [5 * MB + 7] * 12 + [MB + 1] * 20 + [70_000] * 10 + [900] * 14 + [0],
)


@contextlib.contextmanager
def program(*words: str, **options: object) -> Iterator[subprocess.Popen[str]]:
    """A Python program in the repository's root, killed at the end if it is still there."""
    command = [sys.executable, "-m", *words]
    with subprocess.Popen(command, cwd=ROOT, text=True, **options) as process:  # type: ignore[call-overload]
        try:
            yield process
        finally:
            process.kill()


def make_files(folder: Path, seed: int) -> dict[str, str]:
    """Random files in random order, some in folders; their SHA-256 by path."""
    source = random.Random(seed)
    sizes = SIZES[:]
    source.shuffle(sizes)
    digests = {}
    for number, size in enumerate(sizes):
        path = f"{['', 'a/', 'a/b/'][number % 3]}file-{number:02}.bin"
        data = source.randbytes(size)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
        digests[path] = hashlib.sha256(data).hexdigest()
    return digests


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "sendfile"), reason="the throttled server needs sendfile")
def test_kills_cost_less_than_a_tenth(tmp_path: Path) -> None:
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    moments = random.Random(seed)
    digests = make_files(tmp_path / "source", seed)
    folder = tmp_path / "model"
    server_words = ["--folder", str(tmp_path / "source"), "--repo", REPO, "--port-file", str(tmp_path / "port")]
    server_words += ["--rate", str(RATE), "--send-buffer", "4096"]
    kills = 0
    with program("tests.helpers.hub_server", *server_words, stdin=subprocess.PIPE):
        wait_until((tmp_path / "port").exists)
        url = (tmp_path / "port").read_text("ascii")
        child_words = ["tests.app.transfers.kill_child", url, REPO, str(folder), "4"]
        for _ in range(KILLS):
            with program(*child_words, stdout=subprocess.PIPE) as child:
                assert child.stdout is not None
                if moments.random() < 0.8:
                    child.stdout.readline()
                time.sleep(moments.uniform(0, 0.7))
                kills += child.poll() is None
                child.kill()
            for name in final_names(folder) if folder.exists() else ():
                assert (folder / name).stat().st_size == (tmp_path / "source" / name).stat().st_size
        with program(*child_words, stdout=subprocess.DEVNULL) as child:
            assert child.wait(WAIT_SECONDS) == 0
        with urllib.request.urlopen(f"{url}/_stats") as answer:
            sent = sum(json.load(answer).values())
    found = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in final_names(folder)}
    print(f"{kills} kills, {sent / sum(SIZES):.4f} of the size sent")
    assert found == digests
    assert leftovers(folder) == ()
    assert kills >= KILLS * 0.8
    assert sum(SIZES) <= sent <= 1.1 * sum(SIZES)


def test_two_programs_at_once(tmp_path: Path) -> None:
    """The second is told so in one sentence; when the first is killed, another goes on."""
    folder = tmp_path / "model"
    with Hub() as hub:
        repo = hub.add(make_repo(5, [("a.bin", 4 * MB), ("b.bin", 500_000)]))
        hub.behaviour.plan("a.bin", stall(after=2 * MB), where="cdn", times=None)
        words = ["tests.app.transfers.kill_child", hub.url, repo.name, str(folder), "2"]
        with program(*words, stdout=subprocess.PIPE) as first:
            assert first.stdout is not None
            first.stdout.readline()
            with pytest.raises(TransferError) as caught:
                run(remote_files(hub, repo), folder)
            assert caught.value.kind == "busy"
            assert caught.value.user_text == "Another program is downloading into this folder at this moment."
            with program(*words, stdout=subprocess.PIPE) as second:
                assert second.communicate(timeout=WAIT_SECONDS)[0] == f"busy: {caught.value.user_text}\n"
            assert first.poll() is None
        hub.behaviour.forget()
        assert_all_right(repo, folder, run(remote_files(hub, repo), folder))


def test_two_downloads_of_one_program(hub: Hub, folder: Path) -> None:
    repo = hub.add(make_repo(5, [("a.bin", 1000)]))
    files = remote_files(hub, repo)
    first = fetch(files, folder, open_client, QUICK, cancel=threading.Event())
    next(first)
    with pytest.raises(TransferError, match="Another program is downloading"):
        run(files, folder)
    first.close()
    assert_all_right(repo, folder, run(files, folder))


@pytest.mark.parametrize("seed", range(12))
def test_power_cuts(hub: Hub, folder: Path, seed: int) -> None:
    """Three times: stopped half-way, then the parts and journals lose whatever a power cut can lose."""
    chance = random.Random(seed)
    repo = hub.add(make_repo(seed, [(f"file-{number}.bin", chance.randrange(2 * MB)) for number in range(5)]))
    files = remote_files(hub, repo)
    hub.behaviour.rate = 12 * MB
    for _ in range(3):
        cancel = threading.Event()
        timer = threading.Timer(chance.uniform(0.05, 0.2), cancel.set)
        timer.start()
        run(files, folder, cancel=cancel)
        timer.join()
        for path in leftovers(folder):
            data = bytearray(path.read_bytes())
            if path.name.endswith(".journal"):
                cut = chance.randrange(len(data) + 1)
                data[cut:] = bytes(chance.choice([0, len(data) - cut]))
            else:
                for _ in range(chance.randrange(3)):
                    start = chance.randrange(len(data) + 1)
                    hole = len(data[start : start + 100_000])
                    data[start : start + hole] = bytes(hole)
                del data[chance.choice([len(data), chance.randrange(len(data) + 1)]) :]
            path.write_bytes(data)
    missing = 0
    for file in files:
        part = PartFile(file, folder / file.path, OwnFolder())
        if not (folder / file.path).exists():
            list(part.recover())
            missing += file.size - part.present
    hub.behaviour.rate = 0
    hub.behaviour.forget()
    assert_all_right(repo, folder, run(files, folder))
    assert hub.behaviour.total_sent == missing
