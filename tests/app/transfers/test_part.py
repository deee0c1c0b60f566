"""A part and its journal survive whatever happens to them: bytes that count are right, whatever else is lost."""

from __future__ import annotations

import json
import random
import tempfile
import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.transfers.existing import bytes_present, claimed_bytes
from app.transfers.own import OwnFolder
from app.transfers.part import PartFile, Run, read_journal
from app.transfers.values import Digest, RemoteFile

SIZE = 4000
CONTENT = random.Random(5).randbytes(SIZE)
FILE = RemoteFile("model.bin", "http://127.0.0.1/x", SIZE, Digest("sha256", "1" * 64))
RUNS = st.lists(st.tuples(st.integers(0, SIZE - 1), st.integers(1, 500)), min_size=1, max_size=12)


def write(part: PartFile, start: int, length: int) -> None:
    """Put the right bytes into a part and note them."""
    data = CONTENT[start : start + length]
    part.write(start, data)
    part.note(Run(start, len(data), zlib.crc32(data)))


def filled(final: Path, runs: list[tuple[int, int]], etag: str = "e1") -> PartFile:
    part = PartFile(FILE, final, OwnFolder())
    assert part.begin(etag)
    for start, length in runs:
        write(part, start, length)
    part.close()
    return part


def recovered(final: Path, file: RemoteFile = FILE) -> PartFile:
    part = PartFile(file, final, OwnFolder())
    for _ in part.recover():
        pass
    return part


def wrong_bytes(part: PartFile) -> int:
    """How many of the bytes that count are not what they should be."""
    data = part.path.read_bytes() if part.path.exists() else b""
    there = set(range(SIZE)) - {at for start, end in part.missing(0, SIZE) for at in range(start, end)}
    return sum(at >= len(data) or data[at] != CONTENT[at] for at in there)


@given(RUNS)
def test_everything_that_was_noted_is_there_again(runs: list[tuple[int, int]]) -> None:
    with tempfile.TemporaryDirectory() as place:
        final = Path(place) / "model.bin"
        before = filled(final, runs)
        part = recovered(final)
        assert part.missing(0, SIZE) == before.missing(0, SIZE)
        assert (part.present, part.prefix, part.etag) == (before.present, before.prefix, "e1")
        assert bytes_present([FILE], final.parent) == part.present
        assert wrong_bytes(part) == 0


@given(RUNS, st.data())
def test_a_power_cut_costs_runs_and_never_correctness(runs: list[tuple[int, int]], data: st.DataObject) -> None:
    with tempfile.TemporaryDirectory() as place:
        final = Path(place) / "model.bin"
        part = filled(final, runs)
        journal = part.journal_path.read_bytes()
        cut = data.draw(st.integers(0, len(journal)), "journal cut at")
        zeros = data.draw(st.booleans(), "journal ends in zeros")
        part.journal_path.write_bytes(journal[:cut] + (bytes(len(journal) - cut) if zeros else b""))
        content = bytearray(part.path.read_bytes())
        start = data.draw(st.integers(0, len(content)), "zeros from")
        end = data.draw(st.integers(start, len(content)), "zeros to")
        content[start:end] = bytes(end - start)
        length = data.draw(st.integers(0, len(content)), "part cut at")
        part.path.write_bytes(content[:length])
        again = recovered(final)
        assert wrong_bytes(again) == 0
        # It goes on from there, on a journal whose last line may be torn, and nothing is lost a second time.
        assert again.begin(again.etag or "e1")
        for first, last in again.missing(0, SIZE):
            write(again, first, last - first)
        again.close()
        assert again.path.read_bytes() == CONTENT
        assert recovered(final).missing(0, SIZE) == []


def test_an_intact_run_after_a_damaged_one_is_kept(tmp_path: Path) -> None:
    part = filled(tmp_path / "model.bin", [(0, 1000), (1000, 1000), (2000, 1000)])
    content = bytearray(part.path.read_bytes())
    content[1500] ^= 1
    part.path.write_bytes(content)
    assert recovered(tmp_path / "model.bin").missing(0, SIZE) == [(1000, 2000), (3000, 4000)]


@pytest.mark.parametrize(
    "other",
    [
        RemoteFile("model.bin", "http://127.0.0.1/x", SIZE + 1, FILE.digest),
        RemoteFile("model.bin", "http://127.0.0.1/x", SIZE, Digest("sha256", "2" * 64)),
        RemoteFile("model.bin", "http://127.0.0.1/x", SIZE, Digest("git-blob", "1" * 40)),
    ],
)
def test_a_part_of_another_file_does_not_count(tmp_path: Path, other: RemoteFile) -> None:
    final = tmp_path / "model.bin"
    filled(final, [(0, 1000)])
    assert claimed_bytes(other, final) == 0
    part = recovered(final, other)
    assert part.present == 0
    assert not part.path.exists()
    assert not part.journal_path.exists()


def test_another_etag_is_told_and_changes_nothing(tmp_path: Path) -> None:
    filled(tmp_path / "model.bin", [(0, 1000)])
    part = recovered(tmp_path / "model.bin")
    assert not part.begin("e2")
    assert part.present == 1000
    assert part.begin("e1")
    part.close()


@pytest.mark.parametrize("head", [b"", b"[]", b"null", b"{}", b"{", b"\xff", b'{"etag": 5}'])
def test_a_journal_without_a_head_is_none(tmp_path: Path, head: bytes) -> None:
    part = filled(tmp_path / "model.bin", [(0, 1000)])
    lines = part.journal_path.read_bytes().split(b"\n")
    part.journal_path.write_bytes(b"\n".join([head, *lines[1:]]))
    assert read_journal(part.journal_path, FILE) is None
    assert recovered(tmp_path / "model.bin").present == 0


@given(st.lists(st.binary(max_size=40), max_size=6))
def test_any_lines_may_stand_in_a_journal(lines: list[bytes]) -> None:
    with tempfile.TemporaryDirectory() as place:
        final = Path(place) / "model.bin"
        part = filled(final, [(0, 1000)])
        odd = [b"0 0 00000000;", b"3999 2 00000000;", b"0 10 deadbeef;", b"9" * 15 + b" 1 00000000;"]
        with part.journal_path.open("ab") as journal:
            journal.write(b"\n" + b"\n".join([*lines, *odd]))
        again = recovered(final)
        assert again.present == 1000
        assert wrong_bytes(again) == 0


def test_the_journal_names_no_address(tmp_path: Path) -> None:
    part = filled(tmp_path / "model.bin", [(0, 1000)])
    head, *lines = part.journal_path.read_text("ascii").splitlines()
    assert json.loads(head) == {"version": 1, "size": SIZE, "digest": "sha256:" + "1" * 64, "etag": "e1"}
    assert [line for line in lines if line] == [f"0 1000 {zlib.crc32(CONTENT[:1000]):08x};"]
