"""An upgrade under Wine that fails or is killed on the way: a whole program stays, or the next setup makes one."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from installers.tests.test_windows_small import data_files, fill, small_drive  # noqa: F401  (a fixture)
from installers.tests.windows_machine import UNINSTALLER, Machine, differences, machine, scratch, stop, until, why_not
from installers.tests.windows_setups import small_setup

pytestmark = [pytest.mark.skipif(bool(why_not()), reason=why_not()), pytest.mark.timeout(600)]
SMALL_BLOB = {"blob.bin": b"blob" * 1000, "app/old.dll": b"old"}
CHANGED = {"manual.txt": None, "app/new.txt": b"new", "news.txt": b"news"}


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[Machine]:
    """A machine for one test."""
    with machine(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def old() -> Path:
    """A setup with a small program."""
    return small_setup(scratch(), "2.0.0", SMALL_BLOB)


@pytest.fixture(scope="module")
def new() -> Path:
    """A newer one that takes a while to unpack."""
    return small_setup(scratch(), "2.1.0", CHANGED)


def version_in(program: Path) -> str:
    """Which of both versions lies there whole, whatever lies beside it in ~new and ~old; empty if none does."""
    if any("~" not in problem for problem in differences(program)) or not (program / "uninstall.exe").exists():
        return ""
    return "2.1.0" if (program / "news.txt").exists() else "2.0.0"


def left_over(program: Path) -> list[str]:
    """What an upgrade should have removed."""
    return [name for name in ("~new", "~old") if (program / name).exists()]


def test_an_upgrade_that_cannot_be_unpacked_leaves_the_installed_version(
    windows: Machine,
    old: Path,
    new: Path,
    small_drive: Path,  # noqa: F811
) -> None:
    program = small_drive / "Dewpoint"
    assert windows.install(old, "/D=F:\\Dewpoint") == 0
    assert windows.install(new, "/D=F:\\Dewpoint") == 5
    optimist = small_setup(windows.root, "2.1.1", CHANGED, spare_mb=-100)
    assert windows.install(optimist, "/D=F:\\Dewpoint") == 2
    assert version_in(program) == "2.0.0"
    assert left_over(program) == []


def test_room_that_a_killed_setup_took_counts_as_free(windows: Machine, old: Path, small_drive: Path) -> None:  # noqa: F811
    program = small_drive / "Dewpoint"
    assert windows.install(old, "/D=F:\\Dewpoint") == 0
    (program / "~new").mkdir()
    with (program / "~new/half.bin").open("wb") as file:
        file.write(bytes(19 * 2**20))
    assert windows.install(old, "/D=F:\\Dewpoint") == 0
    assert version_in(program) == "2.0.0"
    assert left_over(program) == []


def test_an_upgrade_over_a_library_in_use_leaves_the_installed_version(windows: Machine, old: Path, new: Path) -> None:
    assert windows.install(old) == 0
    user = windows.hold(windows.program / "app/old.dll")
    assert windows.install(new) == 3
    assert version_in(windows.program) == "2.0.0"
    assert left_over(windows.program) == []
    stop(user)
    assert windows.install(new) == 0
    assert version_in(windows.program) == "2.1.0"
    assert left_over(windows.program) == []


@contextmanager
def immovable(folder: Path) -> Iterator[None]:
    """A folder that cannot be moved, as one on Windows in which a file is open; Wine moves that."""
    mount = ["mount", "--bind", str(folder), str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here, so that every folder can be moved")
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_an_old_folder_that_cannot_be_moved_leaves_the_installed_version(
    windows: Machine, old: Path, new: Path
) -> None:
    assert windows.install(old) == 0
    with immovable(windows.program / "app"):
        assert windows.install(new) == 3
    assert version_in(windows.program) == "2.0.0"
    assert left_over(windows.program) == []


def test_an_old_file_that_cannot_be_moved_leaves_the_installed_version(windows: Machine, old: Path, new: Path) -> None:
    assert windows.install(old) == 0
    windows.hold(windows.program / "manual.txt")
    assert windows.install(new) == 3
    assert version_in(windows.program) == "2.0.0"
    assert left_over(windows.program) == []


def test_a_new_folder_that_cannot_be_moved_gives_way_to_the_old_version(windows: Machine, old: Path) -> None:
    new = small_setup(windows.root, "2.1.0", CHANGED | {"python/large.bin": bytes(64 * 2**20)})
    assert windows.install(old) == 0
    process = windows.start("wine", str(new), "/S")
    until((windows.program / "~new/app/new.txt").exists, 60, "a new folder", pause=0)
    process.send_signal(signal.SIGSTOP)
    with immovable(windows.program / "~new/app"):
        process.send_signal(signal.SIGCONT)
        assert process.wait(timeout=60) == 3
    assert version_in(windows.program) == "2.0.0"
    assert windows.install(new) == 0
    assert version_in(windows.program) == "2.1.0"
    assert left_over(windows.program) == []


def test_what_others_put_into_the_program_folder_survives_an_upgrade(windows: Machine, old: Path, new: Path) -> None:
    mine = ["app/mine.txt", "app/mine/deep.txt", "mine/letter.txt", "note.txt"]
    assert windows.install(old) == 0
    for name in mine:
        (windows.program / name).parent.mkdir(exist_ok=True)
        (windows.program / name).write_text(name, "utf-8")
    assert windows.install(new) == 0
    assert differences(windows.program) == [f"not in the manifest: {name}" for name in sorted(mine)]
    assert windows.uninstall() == 0
    found = (path for path in windows.program.rglob("*") if path.is_file())
    assert {path.relative_to(windows.program).as_posix() for path in found} == set(mine)


@pytest.mark.parametrize("awaited", ["~new/blob.bin", "~old"])
def test_an_upgrade_that_is_killed_is_completed_by_the_next(
    windows: Machine, old: Path, new: Path, awaited: str
) -> None:
    """Kills it as soon as a file appears, and at moments after that."""
    made = fill(windows)
    for attempt in range(8):
        assert windows.install(old) == 0
        process = windows.start("wine", str(new), "/S")
        until((windows.program / awaited).exists, 60, awaited, pause=0)
        time.sleep(attempt * 0.0004)
        process.kill()
        process.wait(timeout=20)
        assert (windows.program / "uninstall.exe").exists()
        if left_over(windows.program) == ["~new"] and not (windows.program / "~new/uninstall.exe").exists():
            assert version_in(windows.program) == "2.0.0", "it was still unpacking"
        assert windows.install(new) == 0
        assert version_in(windows.program) == "2.1.0"
        assert left_over(windows.program) == []
    assert data_files(windows) == made


def uninstallers(windows: Machine, old: Path, new: Path) -> tuple[Path, Path]:
    """The uninstallers of both versions."""
    kept = []
    for setup in (old, new):
        assert windows.install(setup) == 0
        kept.append(windows.root / f"{setup.stem}-uninstall.exe")
        shutil.copyfile(windows.program / "uninstall.exe", kept[-1])
    assert windows.uninstall() == 0
    return kept[0], kept[1]


def cut_off(program: Path, trees: tuple[Path, Path], uninstaller: tuple[Path, Path], steps: int) -> bool:
    """Lay out what an upgrade leaves that ends after so many steps; False if it has fewer (see upgrade.nsh)."""
    shutil.copytree(trees[0], program)
    (program / "app/mine.txt").write_text("mine", "utf-8")
    shutil.copyfile(uninstaller[0], program / "uninstall.exe")
    shutil.copytree(trees[1], program / "~new")
    shutil.copyfile(uninstaller[0], program / "~new/~uninstall.exe")
    shutil.copyfile(uninstaller[1], program / "~new/uninstall.exe")
    (program / "~old").mkdir()
    moves = [("~new/~uninstall.exe", "~old/uninstall.exe")]
    moves += [(path.name, f"~old/{path.name}") for path in sorted(trees[0].iterdir())]
    moves += [("~new/uninstall.exe", "uninstall.exe")]
    moves += [(f"~new/{path.name}", path.name) for path in sorted(trees[1].iterdir())]
    for source, target in moves[:steps]:
        (program / source).replace(program / target)
    return steps <= len(moves)


def test_every_moment_of_an_upgrade_can_be_repaired_and_removed(windows: Machine, old: Path) -> None:
    new = small_setup(scratch(), "2.1.2", CHANGED | SMALL_BLOB)
    both = uninstallers(windows, old, new)
    trees = (scratch() / "tree-2.0.0", scratch() / "tree-2.1.2")
    program = windows.user.parent / "Public" / "Dewpoint"
    for steps in range(30):
        if not cut_off(program, trees, both, steps):
            break
        assert windows.install(new, f"/D={windows.name_of(program)}") == 0
        assert differences(program) == ["not in the manifest: app/mine.txt"], steps
        shutil.rmtree(program)
        cut_off(program, trees, both, steps)
        assert windows.uninstall(program=program) == 0
        assert [path.name for path in program.rglob("*") if path.is_file()] == ["mine.txt"], steps
        shutil.rmtree(program)
    assert steps == 2 + len(list(trees[0].iterdir())) + len(list(trees[1].iterdir())) + 1


def test_a_half_unpacked_upgrade_is_removed_with_the_program(windows: Machine, old: Path) -> None:
    assert windows.install(old) == 0
    (windows.program / "~new/app").mkdir(parents=True)
    (windows.program / "~new/app/half.txt").write_text("half", "utf-8")
    assert differences(windows.program) != [UNINSTALLER]
    assert windows.uninstall() == 0
    assert not windows.program.exists()
