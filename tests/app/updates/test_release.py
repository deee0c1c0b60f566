"""What a release says of itself: read, or refused as a whole."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from app.updates.errors import UpdateError
from app.updates.release import Release, read_release
from inference.look.questions import NoAnswer
from inference.look.servers import read_values

GOOD: dict[str, Any] = {
    "format": 1,
    "version": "0.10.0",
    "date": "2026-12-01",
    "changes": ["One  thing.", "Another."],
    "files": [
        {"kind": "windows", "name": "dewpoint-0.10.0-setup.exe", "size": 77_000_000, "sha256": "a" * 64},
        {"kind": "deb", "name": "dewpoint_0.10.0_amd64.deb", "size": 111_000_000, "sha256": "b" * 64},
    ],
}
Change = Callable[[dict[str, Any]], object]


def read(data: bytes) -> Release:
    """What it comes to when the look process has read it."""
    found = read_values(data)
    return read_release(found.words if isinstance(found, NoAnswer) else found.as_json())


def test_a_good_one() -> None:
    release = read(json.dumps(GOOD).encode())
    assert (release.version, release.date, release.changes) == ("0.10.0", "2026-12-01", ("One thing.", "Another."))
    deb = release.file_for("deb")
    assert deb is not None
    assert (deb.name, deb.size, deb.digest.value) == ("dewpoint_0.10.0_amd64.deb", 111_000_000, "b" * 64)
    assert release.file_for("rpm") is None
    assert release.file_for(None) is None


@pytest.mark.parametrize(
    ("mine", "newer"), [("0.9.9", True), ("0.9.10", True), ("0.10.0", False), ("0.10.1", False), ("1.0.0", False)]
)
def test_versions_compare_by_numbers(mine: str, newer: bool) -> None:
    assert read(json.dumps(GOOD).encode()).is_newer_than(mine) is newer


def test_what_later_versions_may_add_is_left_out() -> None:
    later = GOOD | {"signature": "x", "files": [*GOOD["files"], {"kind": "macos", "size": "?"}]}
    assert len(read(json.dumps(later).encode()).files) == 2


def test_a_later_format_says_so() -> None:
    with pytest.raises(UpdateError, match="cannot read"):
        read(json.dumps(GOOD | {"format": 2}).encode())


def broken(change: Change) -> bytes:
    """The good one with one thing changed."""
    found = copy.deepcopy(GOOD)
    change(found)
    return json.dumps(found).encode()


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.pop("version"),
        lambda one: one.update(version="1.0"),
        lambda one: one.update(version="1.0.0rc1"),
        lambda one: one.update(version="1.0.0/../.."),
        lambda one: one.update(version=" 1.0.0"),
        lambda one: one.update(version=100),
        lambda one: one.update(version="\u0661.0.0"),
        lambda one: one.update(format=True),
        lambda one: one.update(format="1"),
        lambda one: one.update(date="today"),
        lambda one: one.update(changes="all"),
        lambda one: one.update(changes=[3]),
        lambda one: one.update(changes=[" "]),
        lambda one: one.update(changes=["x" * 501]),
        lambda one: one.update(changes=["x"] * 31),
        lambda one: one.update(files={}),
        lambda one: one.update(files=[3]),
        lambda one: one.update(files=[one["files"][0]] * 2),
        lambda one: one["files"][0].update(name="../evil.exe"),
        lambda one: one["files"][0].update(name=".hidden"),
        lambda one: one["files"][0].update(name="a\nb"),
        lambda one: one["files"][0].update(name="x" * 121),
        lambda one: one["files"][0].update(name="https://example.org/evil.exe"),
        lambda one: one["files"][0].update(size=0),
        lambda one: one["files"][0].update(size=-1),
        lambda one: one["files"][0].update(size=True),
        lambda one: one["files"][0].update(size=1.5),
        lambda one: one["files"][0].update(size=10**12),
        lambda one: one["files"][0].update(sha256="A" * 64),
        lambda one: one["files"][0].update(sha256="a" * 63),
        lambda one: one["files"][0].pop("sha256"),
    ],
)
def test_refused(change: Change) -> None:
    with pytest.raises(UpdateError, match="not the description of a release"):
        read(broken(change))


@pytest.mark.parametrize("data", [b"", b"<html>", b"[]", b"3", b"null", b"\xff", b"[" * 100_000, b'{"format": 1}'])
def test_other_answers(data: bytes) -> None:
    with pytest.raises(UpdateError):
        read(data)


def test_random_damage_is_one_sentence_or_the_same_kind_of_thing() -> None:
    draw, whole = random.Random(5), json.dumps(GOOD).encode()
    refused = 0
    for _ in range(3000):
        data = bytearray(whole)
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        try:
            release = read(bytes(data))
        except UpdateError:
            refused += 1
            continue
        assert all("/" not in file.name and file.size > 0 for file in release.files)
    assert 1000 < refused < 3000
