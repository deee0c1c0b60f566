"""Sealed files: they open under their name, whole, with their key, and not otherwise."""

from __future__ import annotations

import io
import random
from pathlib import Path

import pytest

from app.chats.errors import StoreLockedError
from app.chats.files import files_folder, keep_pieces, pieces_of, place_of, take_all_in
from app.chats.lock import keys
from app.chats.lock.keys import DataKey
from app.chats.lock.sealed import HEAD_BYTES, PIECE, TAG_BYTES, SealingStream, UnsealedStream, unsealed

NAME = "a name"
SIZES = [0, 1, PIECE - 1, PIECE, PIECE + 1, 2 * PIECE, 2 * PIECE + 5]


def sealed(data: bytes, key: DataKey, name: str = NAME) -> bytes:
    """A sealed file, written in odd pieces."""
    below = io.BytesIO()
    stream, rng, at = SealingStream(below, key), random.Random(1), 0
    while at < len(data):
        count = rng.randint(1, 700_000)
        stream.write(data[at : at + count])
        at += count
    stream.finish(name)
    return below.getvalue()


@pytest.fixture
def key() -> DataKey:
    """One that is held."""
    found = DataKey.fresh()
    keys.know(found)
    return found


@pytest.mark.parametrize("size", SIZES)
def test_what_was_sealed_comes_back(key: DataKey, size: int) -> None:
    data = random.Random(size).randbytes(size)
    whole = sealed(data, key)
    assert len(whole) == HEAD_BYTES + size + TAG_BYTES * max(1, -(-size // PIECE))
    assert b"".join(unsealed(io.BytesIO(whole), NAME)) == data
    assert io.BufferedReader(UnsealedStream(io.BytesIO(whole), NAME)).read() == data


def test_no_two_are_alike(key: DataKey) -> None:
    assert sealed(b"the same", key)[HEAD_BYTES:] != sealed(b"the same", key)[HEAD_BYTES:]


@pytest.mark.parametrize("kind", ["name", "cut", "cut at a piece", "pieces exchanged", "a bit", "more behind"])
def test_what_was_changed_does_not_open(key: DataKey, kind: str) -> None:
    data = random.Random(2).randbytes(2 * PIECE + 9)
    whole, one = bytearray(sealed(data, key)), PIECE + TAG_BYTES
    name = NAME
    match kind:
        case "name":
            name = "another name"
        case "cut":
            del whole[-1]
        case "cut at a piece":
            del whole[HEAD_BYTES + 2 * one :]
        case "pieces exchanged":
            first = whole[HEAD_BYTES : HEAD_BYTES + one]
            whole[HEAD_BYTES : HEAD_BYTES + one] = whole[HEAD_BYTES + one : HEAD_BYTES + 2 * one]
            whole[HEAD_BYTES + one : HEAD_BYTES + 2 * one] = first
        case "a bit":
            whole[HEAD_BYTES + one + 7] ^= 1
        case _:
            whole += b"x"
    with pytest.raises(OSError, match="damaged"):
        list(unsealed(io.BytesIO(bytes(whole)), name))


def test_without_its_key_it_does_not_open(key: DataKey) -> None:
    with pytest.raises(StoreLockedError):
        list(unsealed(io.BytesIO(sealed(b"x", DataKey.fresh())), NAME))


def test_a_file_of_a_message_lies_sealed_under_a_name_that_says_nothing(tmp_path: Path) -> None:
    keys.hold(tmp_path, DataKey.fresh())
    folder = files_folder(tmp_path / "chats.sqlite3")
    digest, size = keep_pieces(folder, [b"known ", b"words"])
    place = place_of(folder, digest)
    assert size == 11
    assert b"".join(pieces_of(place)) == b"known words"
    assert digest not in str(place)
    assert b"known" not in place.read_bytes()
    assert keep_pieces(folder, [b"known words"])[0] == digest
    assert [path for path in folder.rglob("*") if path.is_file()] == [place]


def test_files_that_an_import_lays_ready_find_their_places(tmp_path: Path) -> None:
    keys.hold(tmp_path, DataKey.fresh())
    folder, ready = files_folder(tmp_path / "chats.sqlite3"), tmp_path / "import-abcdefgh" / "files"
    digest, _ = keep_pieces_ready(ready)
    take_all_in(folder, ready)
    assert b"".join(pieces_of(place_of(folder, digest))) == b"of an import"


def keep_pieces_ready(folder: Path) -> tuple[str, int]:
    """As the process apart does."""
    folder.parent.mkdir()
    return keep_pieces(folder, [b"of an import"])
