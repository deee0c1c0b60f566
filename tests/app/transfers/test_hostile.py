"""A download from a server that means ill: a sentence, no more on the disk than was announced, and an end."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.transfers.errors import TransferError
from app.transfers.values import Digest, RemoteFile
from tests.app.transfers.support import QUICK, run
from tests.helpers.hostile_server import MISBEHAVIOUR, HostileServer, raw

SIZE = 300_000
# The server is never silent, and never comes to the point.
HOLDS = ("drip of the head", "continue for ever", "nothing, packed for ever")
WAITS = ("drip", "silence", "silence after the head")  # what `test_faults` has
IMPATIENT = dataclasses.replace(QUICK, connections=1, tries=2, slowest_seconds=0.3)


@pytest.fixture
def hostile() -> Iterator[HostileServer]:
    """The server."""
    with HostileServer() as server:
        yield server


def fetched(server: HostileServer, folder: Path) -> str:
    """What the user is told, "" if nothing is wrong; whatever is on the disk is no larger than the file."""
    file = RemoteFile("model.bin", f"{server.url}/model.bin", SIZE, Digest("sha256", "0" * 64))
    try:
        run([file], folder, IMPATIENT)
    except TransferError as exc:
        return exc.user_text
    finally:
        for path in folder.rglob("*"):
            assert path.stat().st_size <= max(SIZE, 100_000), path
    return ""


@pytest.mark.parametrize("name", HOLDS)
def test_a_server_that_never_comes_to_the_point(name: str, hostile: HostileServer, tmp_path: Path) -> None:
    hostile.places["/model.bin"] = MISBEHAVIOUR[name]
    said = fetched(hostile, tmp_path / "m")
    assert said in (
        "The connection to 127.0.0.1 is silent for too long.",
        "The connection to 127.0.0.1 breaks off.",
    )


@pytest.mark.parametrize("name", [name for name in MISBEHAVIOUR if name not in (*HOLDS, *WAITS)])
def test_every_misbehaviour_is_a_sentence(name: str, hostile: HostileServer, tmp_path: Path) -> None:
    hostile.places["/model.bin"] = MISBEHAVIOUR[name]
    assert fetched(hostile, tmp_path / "m").endswith(".")


@pytest.mark.parametrize("length", [b"9" * 5000, b"0x10", b"\xb2", b"1_000"])
def test_an_odd_length_is_a_sentence(length: bytes, hostile: HostileServer, tmp_path: Path) -> None:
    hostile.places["/model.bin"] = raw(b"HTTP/1.1 200 OK\r\nContent-Length: " + length + b"\r\n\r\nabc")
    assert fetched(hostile, tmp_path / "m").endswith(".")
