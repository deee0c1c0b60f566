"""The real window is killed at random moments, and its disk fails at others, while it does all that it can do.

What it had told before is there afterwards, the user's own files are as they were, and the next start goes on.
More of it by hand: `python benchmarks/kills.py`.
"""

from __future__ import annotations

import errno
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.helpers.hub_server import Hub
from tests.helpers.scale import sized
from tests.hostile.survivors import Run, kill

KILLS, CHAT_KILLS = sized((6, 2), (20, 3))
FAULTS = sized(4, 8)
MOST_LINES, LONGEST_SECONDS = 12, 0.3  # a kill comes so long after one of the first things that are told
IN_THE_START, START_SECONDS = 0.1, 8.0  # some kills of a session of chats come before it takes input
SESSION_SECONDS = 5.0  # after which such a session is killed at the latest
SHORTEST_FAULT, LONGEST_FAULT = 0.1, 0.8
WRITES, SYNCS = 1, 2
SEED_VARIABLE = "HOSTILE_SEED"


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A data folder, and a hub with a model that takes its time."""
    with Hub() as hub, tempfile.TemporaryDirectory(dir=other_drive()) as other:
        yield Run(tmp_path, hub, Path(other))


def other_drive() -> str | None:
    """Another drive than the tests', where there is one."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


def killed_again_and_again(run: Run, kills: int, seed: int) -> list[str]:
    """Kill the program so often; what was lost at first."""
    chance = random.Random(seed)
    for number in range(kills):
        run.begin()
        with run.program(chance.randrange(10**6)) as program:
            if run.session == "models":
                run.wait_for("ready")
                run.wait_for(count=1 + chance.randint(0, MOST_LINES))
                time.sleep(chance.uniform(0, LONGEST_SECONDS))
            elif chance.random() < IN_THE_START:
                time.sleep(chance.uniform(0, START_SECONDS))
            else:
                run.wait_for("ready")
                time.sleep(chance.uniform(0, SESSION_SECONDS))
            kill(program)
            run.kills += 1
        if troubles := run.troubles():
            return [f"after kill {number + 1} of seed {seed}", *troubles, f"told last: {run.told[-3:]}"[:1000]]
    return []


def killed_after(run: Run, kind: str, seed: int) -> list[str]:
    """Kill the program once more, as soon as it has told this; what was lost."""
    run.begin()
    with run.program(seed) as program:
        run.wait_for(kind)
        kill(program)
        run.kills += 1
    return run.troubles()


@pytest.mark.slow
@pytest.mark.log_allowed("")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_no_chat_is_lost_in_kills(run: Run) -> None:
    """With the starter model: edits, branches, imports, files and typed text, too."""
    seed = int(os.environ.get(SEED_VARIABLE) or random.randrange(10**6))
    print(f"seed {seed}")
    run.use("chats")
    assert killed_again_and_again(run, CHAT_KILLS, seed) == []


@pytest.mark.slow
@pytest.mark.log_allowed("")
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGKILL")
def test_nothing_is_lost_in_kills(run: Run) -> None:
    seed = int(os.environ.get(SEED_VARIABLE) or random.randrange(10**6))
    print(f"seed {seed}")
    assert killed_again_and_again(run, KILLS, seed) == []
    for kind in ("message", "block", "models"):  # chance may have left one out
        if not any(line[0] == kind for line in run.told):
            assert killed_after(run, kind, seed) == []


@pytest.fixture(scope="module")
def faulty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The library that lets writing fail."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or not sys.platform.startswith("linux"):
        pytest.skip("a library that lets writing fail needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("faulty") / "faulty.so"
    source = Path(__file__).with_name("faulty.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", "-o", str(library), str(source), "-ldl"], check=True)
    return library


@pytest.mark.slow
@pytest.mark.log_allowed("")
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=["full", "EIO"])
def test_nothing_is_lost_where_the_disk_fails(run: Run, faulty: Path, number: int) -> None:
    seed = int(os.environ.get(SEED_VARIABLE) or random.randrange(10**6))
    print(f"seed {seed}")
    chance, control = random.Random(seed), run.root / "control"
    control.write_bytes(bytes(2))
    environment = {"LD_PRELOAD": str(faulty), "FAULT_CONTROL": str(control), "FAULT_BELOW": str(run.base)}
    run.begin()
    with run.program(chance.randrange(10**6), **environment) as program:
        run.wait_for("ready")
        for _ in range(FAULTS):
            time.sleep(chance.uniform(0, 1))
            what = WRITES if number == errno.ENOSPC else chance.choice([WRITES, SYNCS, WRITES | SYNCS])
            set_fault(control, number, what)
            time.sleep(chance.uniform(SHORTEST_FAULT, LONGEST_FAULT))
            set_fault(control, 0, 0)
        assert program.poll() is None, "it lives on"
        done = sum(line[0] == "message" for line in run.told)
        run.wait_for("message", count=done + 1)
        kill(program)
    assert run.troubles() == []


def set_fault(control: Path, number: int, what: int) -> None:
    """From now on; in place, since the programs have the file in their memory."""
    with control.open("r+b") as file:
        file.write(bytes((number, what)))
