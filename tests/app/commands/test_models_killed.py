"""The command itself is killed again and again in the middle of a download: queue, manifest and files stay in step."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from app.base.paths import AppPaths
from app.library import care
from app.library.manifest import read_manifest
from app.library.overview import library_status
from app.library.services import LibraryServices
from app.library.values import ModelState
from app.transfers.values import TransferFinished
from tests.helpers.hub_behaviour import random_contents, repo_of
from tests.helpers.hub_server import Hub
from tests.helpers.tiny_models import tiny_contents
from tests.helpers.waiting import WAIT_SECONDS, wait_until

ROOT = Path(__file__).resolve().parents[3]
KILLS = 8


def start() -> subprocess.Popen[bytes]:
    """The command, in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "app", "models", "download", "owner/large", "--accept-licence", "--json"],
        cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        env=os.environ | {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
    )  # fmt: skip


def wait_for_bytes(hub: Hub, enough: int, child: subprocess.Popen[bytes]) -> None:
    """So many were sent, or the command has ended."""
    wait_until(lambda: hub.behaviour.total_sent >= enough or child.poll() is not None)


@pytest.mark.slow
def test_killed_again_and_again(hub: Hub, dewpoint_home: Path) -> None:
    seed = random.randrange(10**6)
    print(f"seed {seed}")
    source = random.Random(seed)
    shards = [(f"model-{number:05}-of-00012.safetensors", source.randrange(200_000, 4_000_000)) for number in range(12)]
    repo = hub.add(repo_of("owner/large", tiny_contents() | random_contents(seed, shards)))
    hub.behaviour.rate = 8_000_000
    states = []
    for _ in range(KILLS):
        before = hub.behaviour.total_sent
        child = start()
        try:
            share = source.uniform(0.02, 1.0 / KILLS)
            enough = hub.behaviour.limit = before + int(share * repo.size)
            wait_for_bytes(hub, enough, child)
        finally:
            child.kill()
            child.wait()
        services = LibraryServices.open(AppPaths(dewpoint_home))
        model = next(each for each in library_status(services).models if each.repo == "owner/large")
        states.append(model.state)
        manifest = read_manifest(services.looks, model.folder) if model.folder is not None else None
        assert manifest is not None
        assert not manifest.complete
    assert set(states) == {ModelState.PAUSED}, "never installed, never stuck"
    hub.behaviour.rate = hub.behaviour.limit = 0
    assert start().wait(WAIT_SECONDS) == 0
    services = LibraryServices.open(AppPaths(dewpoint_home))
    (record,) = services.library.models()
    assert isinstance(list(care.verify(services, record, threading.Event()))[-1], TransferFinished)
    done = read_manifest(services.looks, record.folder)
    assert done is not None
    assert done.complete
    assert hub.behaviour.total_sent < 1.25 * repo.size
