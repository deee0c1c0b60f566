"""Zip files: what Python writes, what is nested, and what counts modulo 2**32."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from pathlib import Path

import pytest

from app.chats.importing.containers import RoomLeft, opened_members
from app.chats.importing.report import Report
from app.chats.importing.zips import ZipError, read_directory, unpacked


def made(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", method) as file:
        for name, content in members:
            file.writestr(name, content)
    return data.getvalue()


def content(data: bytes | io.BytesIO) -> dict[str, bytes]:
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    return {entry.name: b"".join(unpacked(file, entry)) for entry in read_directory(file)}


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members(method: int) -> None:
    noise = random.Random(1).randbytes(300_000)
    members = (("a.json", b"{}"), ("fold\u00e9r/\u65e5.bin", noise), ("empty", b""))
    assert content(made(*members, method=method)) == dict(members)


class Shifted(io.RawIOBase):
    """A zip whose second half lies behind a gap of some gigabytes, which reads as zeros and takes no room."""

    def __init__(self, data: bytes, at: int, gap: int) -> None:
        super().__init__()
        self._data, self._cut, self._gap, self._at = data, at, gap, 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (0, self._at, len(self._data) + self._gap)[whence]
        return self._at

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def readinto(self, target: object) -> int:
        view = memoryview(target)  # type: ignore[arg-type]
        if self._at < self._cut:
            piece = self._data[self._at : min(self._cut, self._at + len(view))]
        elif self._at < self._cut + self._gap:
            piece = bytes(min(len(view), self._cut + self._gap - self._at))
        else:
            start = self._at - self._gap
            piece = self._data[start : start + len(view)]
        view[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


@pytest.mark.parametrize("gap", [5 << 30, (1 << 32) - 40, 9 << 30])
def test_more_than_four_gibibytes_without_zip64(gap: int) -> None:
    """The places behind the gap are written modulo 2**32, as some exports have them; zipfile reads none of them."""
    members = (("first.json", b"[1]"), ("big.bin", b"x" * 1000), ("last.json", b"[2]" * 1000), ("end", b"!"))
    data = bytearray(made(*members))
    entries = read_directory(io.BytesIO(bytes(data)))
    cut = entries[2].start
    place = data.index(b"PK\x01\x02")
    for entry in entries:
        if entry.start >= cut:
            data[place + 42 : place + 46] = struct.pack("<I", (entry.start + gap) % (1 << 32))
        name, extra, comment = struct.unpack("<HHH", data[place + 28 : place + 34])
        place += 46 + name + extra + comment
    shifted = Shifted(bytes(data), cut, gap)
    assert content(shifted) == dict(members)  # type: ignore[arg-type]
    with pytest.raises((zipfile.BadZipFile, ValueError)), zipfile.ZipFile(shifted) as file:  # type: ignore[call-overload]
        [file.read(each) for each in file.namelist()]


@pytest.mark.parametrize("cut", [10, 100, 400])
def test_damage_is_a_sentence(cut: int) -> None:
    whole = made(("a.json", b"some text" * 100), ("b.json", random.Random(2).randbytes(200)))
    at = whole.index(b"PK\x03\x04", 10) + 50
    for damaged in (whole[:-cut], whole[:cut], whole[:at] + b"\xff" * 20 + whole[at + 20 :]):
        with pytest.raises(ZipError):
            content(damaged)


def test_a_zip_that_holds_more_than_any_disk_is_refused() -> None:
    budget = RoomLeft(left=1000)
    assert b"".join(budget.counted(iter([b"x" * 600, b"y" * 400])))
    with pytest.raises(ZipError, match="more than can be unpacked"):
        list(budget.counted(iter([b"z"])))


def test_zips_in_zips(tmp_path: Path) -> None:
    inner = made(("deep.json", b"[]"))
    stored = made(("in.zip", inner), method=zipfile.ZIP_STORED)
    path = tmp_path / "x.zip"
    path.write_bytes(made(("a.zip", stored), ("b.zip", b"no zip"), ("c.json", b"{}")))
    report = Report()
    with opened_members(path, tmp_path, report) as members:
        found = {member.name: member.reader().read() for member in members}
    assert found == {"a.zip/in.zip/deep.json": b"[]", "c.json": b"{}"}
    assert [each["what"] for each in report.skipped] == ["b.zip"]
