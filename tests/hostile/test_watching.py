"""Those who watch the window of the hostile cases do see what they should, and nothing in a window that behaves."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.forbidden import ForbiddenFiles
from tests.hostile.runner import LostError, Window, room
from tests.hostile.verdicts import judge
from tests.hostile.world import World, print_of

EXPECTED = {
    "nothing": "",
    "work": "stall of ",
    "sleep": "stall of ",
    "fill": "memory: ",
    "connect": "connection: ",
    "read_outside": "read: ",
    "read_here": "read in the window's main thread: ",
    "read_in_a_thread": "read in the window's process: ",
    "write": "changed: open ",
    "delete_tree": "deleted: ",
    "log": "logged as an error: dewpoint.test: something broke",
    "raise": "said to be a bug of ours: ",
}
pytestmark = pytest.mark.skipif(
    not sys.platform.startswith("linux"), reason="the watchers that see connections and files exist on Linux alone"
)


@pytest.fixture
def world() -> Iterator[World]:
    """Folders."""
    with tempfile.TemporaryDirectory(prefix="hostile-", dir=room()) as root:
        yield World(Path(root))


def test_every_misdeed_is_seen(world: World) -> None:
    forbidden = ForbiddenFiles(world.outside, world.linked)
    folder = world.model(world.cases / "one")
    (folder / "keep").mkdir()
    (folder / "keep" / "letter.txt").write_text("mine")
    order = {
        "id": "x",
        "do": "misbehave",
        "folder": str(folder),
        "outside": str(world.outside),
        "linked": str(world.linked),
    }
    window, found = Window(world, 1), {}
    try:
        window.play({"id": "warm-up", "do": "warm_up"})
        for how in EXPECTED:
            before = print_of(folder)
            window.breaches()
            reply = window.play(order | {"how": how})
            found[how] = "\n".join(
                judge(how, order | {"how": how}, reply, window.breaches(), before, print_of(folder)).troubles
            )
        with pytest.raises(LostError, match="ended with -9"):
            window.play(order | {"how": "end"})
    finally:
        window.close()
    touched = forbidden.touched()
    forbidden.close()
    assert found["nothing"] == ""
    assert not {how: found[how] for how, words in EXPECTED.items() if words not in found[how]}
    assert [each.partition(":")[0] for each in touched if "secret.txt" in each or "new.txt" in each] == [
        "opened",
        "changed",
    ]
