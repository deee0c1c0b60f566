"""Kills, wrong hashes, full disks, two at once: the old one stays or the new one is there, and nothing between."""

from __future__ import annotations

import dataclasses
import errno
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from app.base.errors import KnownAppError
from app.base.paths import AppPaths
from app.gpu import filling, folders, service
from app.gpu.fetcher import Fetcher
from app.gpu.service import GpuService
from app.gpu.values import GpuState
from app.network.client import Network
from tests.app.gpu.conftest import Install, names
from tests.helpers.fake_engines import detected
from tests.helpers.tiny_wheels import LIBRARY, TinyWheels

ROOT = Path(__file__).resolve().parents[3]
CHILD = """
import sys, threading
from pathlib import Path
from app.gpu.service import GpuService
from app.network.client import Network
from app.base.paths import AppPaths
from tests.helpers.tiny_wheels import TinyWheels
addon = GpuService(AppPaths(Path(sys.argv[1])), Network(), TinyWheels(Path(sys.argv[2])).tools())
for step in addon.install(threading.Event()):
    print(step.stage, flush=True)
"""
SLOW = "import sys, time; from pathlib import Path; Path(sys.argv[-1]).name; time.sleep(60)"


def child(addon: GpuService, wheels: TinyWheels) -> subprocess.Popen[str]:
    """An installation in a program of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(addon.folder.parent), str(wheels.folder)],
        cwd=ROOT, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip


def fetchers(addon: GpuService) -> list[psutil.Process]:
    """Programs that write into the data folder, whoever started them."""
    found = []
    for process in psutil.process_iter():
        try:
            if any(f"{addon.folder}.part-" in word for word in process.cmdline()):
                found.append(process)
        except psutil.Error:
            continue
    return found


@pytest.mark.slow
def test_killed_at_any_moment(addon: GpuService, wheels: TinyWheels, install: Install) -> None:
    wheels.bytes_more = 3_000_000
    wheels.write()
    states = []
    for wait in (0.0, 0.3, 0.6, 0.8, 1.0, 1.3):
        program = child(addon, wheels)
        assert program.stdout is not None
        try:
            program.stdout.readline()  # it fetches
            time.sleep(wait)
        finally:
            program.kill()
            program.wait()
            program.stdout.close()
        status = addon.status()
        states.append(status.state)
        assert status.state in (GpuState.ABSENT, GpuState.INSTALLED)
        if status.state is GpuState.INSTALLED:
            assert list(addon.verify())
            addon.remove()
    assert GpuState.ABSENT in states
    install()
    assert fetchers(addon) == [], "a fetcher that was left alone is ended by the next try"


def test_a_fetcher_that_was_left_alone_is_ended(addon: GpuService, wheels: TinyWheels, install: Install) -> None:
    part = folders.new_part(addon.folder)
    orphan = subprocess.Popen([sys.executable, "-c", SLOW, str(part / "site")])
    (part / folders.PID).write_text(str(orphan.pid), "ascii")
    stranger = folders.new_part(addon.folder)
    (stranger / folders.PID).write_text(str(os.getpid()), "ascii")  # a number that another program has now
    try:
        install()
        assert orphan.poll() is not None
        assert fetchers(addon) == []
    finally:
        orphan.kill()
        orphan.wait()


def test_killed_between_the_two_renames(addon: GpuService, install: Install) -> None:
    install()
    addon.folder.rename(addon.folder.with_name("gpu.old-12345678"))
    assert addon.status().state is GpuState.INSTALLED
    assert names(addon) == {"gpu", "gpu.lock"}
    addon.folder.rename(addon.folder.with_name("gpu.gone-12345678"))  # a removal that was killed is a removal
    assert addon.status().state is GpuState.ABSENT
    install()


def test_a_wrong_hash_is_refused(addon: GpuService, wheels: TinyWheels, install: Install) -> None:
    install()
    lines = wheels.lock.read_text("utf-8").splitlines()
    lines[0] = lines[0][:-4] + ("0000" if not lines[0].endswith("0000") else "1111")
    wheels.lock.write_text("\n".join(lines) + "\n", "utf-8")
    with pytest.raises(KnownAppError, match="not the one that Dewpoint expects"):
        list(addon.install(threading.Event()))
    assert addon.status().state is GpuState.INSTALLED, "the old one stays"
    assert names(addon) == {"gpu", "gpu.lock"}


def test_files_that_are_not_as_their_record_says_are_refused(addon: GpuService, wheels: TinyWheels) -> None:
    wheels.write(lie=True)
    with pytest.raises(KnownAppError, match="not as their packages say"):
        list(addon.install(threading.Event()))
    assert names(addon) == {"gpu.lock"}


def test_a_package_that_is_nowhere(addon: GpuService, wheels: TinyWheels) -> None:
    for wheel in wheels.folder.glob("*libs*.whl"):
        wheel.unlink()
    with pytest.raises(KnownAppError, match="does not have the files"):
        list(addon.install(threading.Event()))


def test_a_program_that_cannot_be_started(addon: GpuService, wheels: TinyWheels, tmp_path: Path) -> None:
    wheels.program = Fetcher("uv", (str(tmp_path / "gone"),))
    with pytest.raises(KnownAppError, match="cannot be written"):
        list(addon.install(threading.Event()))
    assert names(addon) == {"gpu.lock"}


@pytest.mark.parametrize("what", ["disk", "memory"])
def test_an_index_that_sends_without_an_end(
    what: str, addon: GpuService, wheels: TinyWheels, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its files have the wrong hash, but that is known when they are whole."""
    monkeypatch.setattr(filling, "RESERVE", 0)
    monkeypatch.setattr(filling, "MOST_MEMORY", 2**40 if what == "disk" else 100)
    endless = "import sys, time; f = open(sys.argv[sys.argv.index('--target') + 1] + '/x', 'wb')\n"
    endless += f"for _ in range(600): f.write(bytes({200_000 if what == 'disk' else 0})); f.flush(); time.sleep(0.1)"
    wheels.program = Fetcher("uv", (sys.executable, "-c", endless))
    with pytest.raises(KnownAppError, match="Far more came"):
        list(addon.install(threading.Event()))
    assert names(addon) == {"gpu.lock"}
    assert fetchers(addon) == []


def test_no_room_is_said_before_anything_is_fetched(addon: GpuService, wheels: TinyWheels) -> None:
    wheels.installed = 10**16
    with pytest.raises(KnownAppError, match="Installing needs 10") as caught:
        list(addon.install(threading.Event()))
    assert caught.value.hint.startswith("Make ")
    assert names(addon) == {"gpu.lock"}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 4 MB."""
    place = tmp_path / "small"
    place.mkdir()
    try:
        command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(place)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as exc:
        pytest.skip(f"no small disk can be mounted here: {exc}")
    if done.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {done.stderr.strip()}")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_real_disk_that_fills_up(small_disk: Path, wheels: TinyWheels, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (filling, service):
        monkeypatch.setattr(module, "RESERVE", 0)
    monkeypatch.setattr(filling, "MOST_SHARE", 1e9)  # more comes than was announced, and the disk ends first
    wheels.bytes_more = 6_000_000
    wheels.write()
    addon = GpuService(AppPaths(small_disk / "data"), Network(), wheels.tools())
    with pytest.raises(KnownAppError, match="disk became full"):
        list(addon.install(threading.Event()))
    assert names(addon) == {"gpu.lock"}
    wheels.bytes_more = 100_000
    wheels.write()
    list(addon.install(threading.Event()))
    assert addon.status().state is GpuState.INSTALLED


def test_a_disk_that_is_full_for_the_manifest(addon: GpuService, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(filling, "write_manifest", full)
    with pytest.raises(KnownAppError, match="disk became full"):
        list(addon.install(threading.Event()))
    assert names(addon) == {"gpu.lock"}


def test_two_at_once(addon: GpuService, wheels: TinyWheels) -> None:
    other = GpuService(AppPaths(addon.folder.parent), Network(), wheels.tools())
    steps = addon.install(threading.Event())
    next(steps)
    for act in (lambda: list(other.install(threading.Event())), other.remove):
        with pytest.raises(KnownAppError, match="Another Dewpoint"):
            act()
    list(steps)
    assert other.status().state is GpuState.INSTALLED
    assert (addon.folder / LIBRARY).exists()


def test_no_rename_leaves_the_old_one(addon: GpuService, install: Install, monkeypatch: pytest.MonkeyPatch) -> None:
    install()
    rename = Path.rename

    def refusing(path: Path, target: Path) -> Path:
        if path.name == "site":
            raise PermissionError(errno.EACCES, "Permission denied")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refusing)
    with pytest.raises(KnownAppError, match="cannot be written into the data folder"):
        list(addon.install(threading.Event()))
    assert addon.status().state is GpuState.INSTALLED
    assert names(addon) == {"gpu", "gpu.lock"}


def test_a_driver_that_is_too_old_is_told_before_the_download(addon: GpuService, wheels: TinyWheels) -> None:
    wheels.card = dataclasses.replace(detected("RTX 4070", "572.16"), cuda=12080)
    problem = addon.offer().problem
    assert problem is not None
    assert "572.16 knows CUDA 12.8" in problem.text
    with pytest.raises(KnownAppError, match="knows CUDA"):
        next(addon.install(threading.Event()))
    assert "gpu" not in names(addon)
