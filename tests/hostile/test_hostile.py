"""Hostile cases in the real window, some of more than two thousand: it stays answering and small, and says why.

For each case (`cases.py`; `verdicts.py` says what must hold): no stall of the event loop over 200 ms, no more than
400 MB, no connection, no file of others opened or changed, and a sentence where something is refused. `python -m
tests.hostile NAME` plays a case alone.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from tests.helpers.scale import sized
from tests.hostile import cases
from tests.hostile.forbidden import ForbiddenFiles
from tests.hostile.repositories import serving
from tests.hostile.runner import play, report, room
from tests.hostile.world import World, print_of

pytestmark = [
    pytest.mark.skipif(
        sys.platform == "win32", reason="the cases hold links, pipes and names that are not possible there"
    ),
    pytest.mark.log_allowed(""),
]


EVERY = sized(20, 1)  # of all the cases, which take more than half an hour; `python -m tests.hostile` plays them, too
PARTS = [cases.names(kind)[::EVERY] for kind in cases.KINDS]


@pytest.fixture
def world() -> Iterator[World]:
    """Folders, and a hub on this machine."""
    with tempfile.TemporaryDirectory(prefix="hostile-", dir=room()) as root, serving() as server:
        yield World(Path(root), server=server)


def troubles(world: World, names: Iterable[str]) -> str:
    """What went wrong in some cases, "" if nothing did."""
    forbidden = ForbiddenFiles(world.outside, world.linked)
    before = print_of(world.linked)
    forbidden.touched()
    verdicts = play(world, names)
    touched = forbidden.touched()
    forbidden.close()
    assert print_of(world.linked) == before
    return "\n\n".join(filter(None, [report(verdicts), *touched]))


@pytest.mark.slow
@pytest.mark.parametrize("names", PARTS, ids=[f"{names[0]}-to-{names[-1].rpartition('-')[2]}" for names in PARTS])
def test_the_window_stands_what_strangers_send(world: World, names: tuple[str, ...]) -> None:
    assert troubles(world, names) == ""


def test_the_window_stands_some_of_each_kind(world: World) -> None:
    assert troubles(world, cases.in_order(quick=True)) == ""


def test_there_are_enough_cases() -> None:
    assert sum(1 for _ in cases.in_order()) >= 2_000


@pytest.mark.parametrize("kind", cases.KINDS)
def test_a_name_always_makes_the_same_case(world: World, kind: str) -> None:
    name = cases.names(kind)[3]
    made = []
    for _ in range(2):
        order = cases.make(name, world.cases / name, world)
        place = Path(order.get("base", world.cases / name))
        made.append({path: what for path, what in print_of(place).items() if "sqlite" not in path})
        (world.cases / name).rename(world.root / f"made-{len(made)}")
        if "base" in order:
            place.rename(world.root / f"base-{len(made)}")
    assert made[0] == made[1]
