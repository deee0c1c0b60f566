"""Builds that are killed, stopped, out of room or done twice at once: nothing half-made counts, nothing is lost."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

from tests.helpers.waiting import WAIT_SECONDS
from tests.trt_engines.building.support import STARTER, request_for
from trt_engines.building import builder, child, store
from trt_engines.building.builder import BuildError, BuildProgress, BuildRequest, build_engines
from trt_engines.building.state import state_of
from trt_engines.building.store import EngineStore, checked_plan, read_manifest
from trt_engines.graphs.names import ASKED
from trt_engines.process import ProcessError

pytestmark = pytest.mark.slow


@pytest.fixture
def request_(tmp_path: Path) -> BuildRequest:
    return request_for(STARTER, tmp_path / "cache")


@pytest.fixture
def engines(tmp_path: Path) -> EngineStore:
    return EngineStore(tmp_path / "engines")


def parts_built(engines: EngineStore, request: BuildRequest) -> set[str]:
    manifest = read_manifest(engines.folder(request.identity))
    return set(manifest.parts) if manifest else set()


def unfinished(folder: Path) -> list[Path]:
    """What a write that did not end would leave."""
    return [file for file in folder.iterdir() if file.suffix in (".part", ".tmp")]


def builders() -> list[psutil.Process]:
    """The child processes that build, without the one that cleans up after them."""
    children = psutil.Process().children()
    return [child for child in children if any("spawn_main" in word for word in child.cmdline())]


def test_a_build_stopped_half_way_goes_on_where_it_was(engines: EngineStore, request_: BuildRequest) -> None:
    build = build_engines(engines, request_)
    for event in build:
        if event.part == "stack00":
            break
    build.close()
    assert parts_built(engines, request_) == {"embed", "head", *ASKED}
    assert not unfinished(engines.folder(request_.identity))
    assert not builders()
    assert state_of(engines, request_.identity, "1").name == "partial"
    kept = {p: p.stat().st_mtime_ns for p in engines.folder(request_.identity).glob("*.plan")}
    events = list(build_engines(engines, request_))
    fractions = [event.fraction for event in events]
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0
    assert {event.part for event in events} == {"stack00", "stack02"}
    assert all(path.stat().st_mtime_ns == then for path, then in kept.items())
    found = engines.find(request_.identity)
    assert found.manifest is not None
    assert found.manifest.complete
    assert state_of(engines, request_.identity, "1").name == "untested"
    for part in found.manifest.parts.values():
        assert len(checked_plan(found.folder, part)) == part.size
    assert found.manifest.parts["stack02"].weight_bytes > 0
    assert "Total Activation Memory" in (found.folder / "stack02.log").read_text("utf-8")


def test_a_killed_process_is_one_sentence(engines: EngineStore, request_: BuildRequest) -> None:
    build = build_engines(engines, request_)
    first = next(build)
    assert isinstance(first, BuildProgress)
    (process,) = builders()
    os.kill(process.pid, signal.SIGKILL)
    with pytest.raises(ProcessError, match="ended from outside, perhaps because the memory was full"):
        list(build)
    assert parts_built(engines, request_) == set()
    assert not unfinished(engines.folder(request_.identity))


def test_the_program_that_builds_may_be_killed(engines: EngineStore, request_: BuildRequest, tmp_path: Path) -> None:
    script = (
        "from pathlib import Path\n"
        "from tests.trt_engines.building.support import STARTER, request_for\n"
        "from trt_engines.building.builder import build_engines\n"
        "from trt_engines.building.store import EngineStore\n"
        "if __name__ == '__main__':\n"
        f"    for event in build_engines(EngineStore(Path({str(engines.root)!r})), "
        f"request_for(STARTER, Path({str(tmp_path / 'cache')!r}))):\n"
        "        print(event.part, flush=True)\n"
    )
    file = tmp_path / "build.py"
    file.write_text(script, "utf-8")
    root = Path(__file__).resolve().parents[3]
    env = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen([sys.executable, str(file)], stdout=subprocess.PIPE, text=True, env=env) as program:
        assert program.stdout is not None
        for line in program.stdout:
            if line.startswith("stack00"):
                break
        children = psutil.Process(program.pid).children(recursive=True)
        program.kill()
    gone, alive = psutil.wait_procs(children, timeout=WAIT_SECONDS)
    assert not alive
    assert gone
    list(build_engines(engines, request_))
    assert parts_built(engines, request_) == {"embed", "head", *ASKED, "stack00", "stack02"}


def test_a_damaged_part_is_built_again(engines: EngineStore, request_: BuildRequest) -> None:
    list(build_engines(engines, request_))
    folder = engines.folder(request_.identity)
    head = folder / "head.plan"
    head.write_bytes(head.read_bytes()[:-100])
    state = state_of(engines, request_.identity, "1")
    assert (state.name, state.reasons) == ("damaged", ("head.plan is missing or incomplete",))
    events = list(build_engines(engines, request_))
    assert {event.part for event in events} == {"head", "stack02"}  # the last event names the last part
    data = bytearray(head.read_bytes())
    data[len(data) // 2] ^= 1
    head.write_bytes(data)
    manifest = read_manifest(folder)
    assert manifest is not None
    with pytest.raises(store.DamagedEngineError, match="checksum is wrong"):
        checked_plan(folder, manifest.parts["head"])


def test_two_programs_build_the_same_engines(engines: EngineStore, request_: BuildRequest) -> None:
    first = build_engines(engines, request_)
    next(first)
    with pytest.raises(BuildError, match="Another program is building"):
        next(build_engines(engines, request_))
    first.close()
    second = build_engines(engines, request_)
    next(second)
    second.close()


def test_a_small_disk_is_told_before_anything_is_built(
    engines: EngineStore, request_: BuildRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(builder, "free_bytes", lambda folder: builder.SPARE_BYTES + 1_000_000)
    with pytest.raises(BuildError, match=r"need 0\.\d GB more on the disk, and 0\.0 GB are free"):
        list(build_engines(engines, request_))
    assert parts_built(engines, request_) == set()


def test_a_disk_that_fills_up_is_one_sentence(engines: EngineStore, request_: BuildRequest, tmp_path: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("needs /dev/full")
    job = request_.jobs(tmp_path)[0]
    (tmp_path / "embed.plan.part").symlink_to("/dev/full")
    sent: list[tuple[object, ...]] = []

    class Collects:
        def send(self, message: tuple[object, ...]) -> None:
            sent.append(message)

    # In a thread of this process: the streams of a test must not be redirected.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(child, "_redirect", lambda stream, target: None)
        runner = threading.Thread(target=child.build_part, args=(job, Collects()))
        runner.start()
        runner.join(WAIT_SECONDS)
    assert sent[-1][0] == "error"
    assert "disk became full while embed was being built" in str(sent[-1][1])
    assert not (tmp_path / "embed.plan").exists()
