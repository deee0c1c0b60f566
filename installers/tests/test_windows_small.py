"""What the setup refuses and removes, under Wine, with a small program in it so that it takes seconds."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from installers.tests.windows_machine import Machine, differences, holder, machine, scratch, stop, until, why_not
from installers.tests.windows_setups import small_setup

pytestmark = [pytest.mark.skipif(bool(why_not()), reason=why_not()), pytest.mark.timeout(600)]


@pytest.fixture
def windows(tmp_path: Path) -> Iterator[Machine]:
    """A machine for one test."""
    with machine(tmp_path) as made:
        yield made


@pytest.fixture(scope="module")
def setup() -> Path:
    """The small setup."""
    return small_setup(scratch(), "1.0.0")


OF_CHATS = (
    "chats.sqlite3", "chats.sqlite3-wal", "chats-search.sqlite3", "chats-damaged-1.sqlite3", "chats-damaged/a.txt",
    "recordings.sqlite3", "settings.json", "backups/a.sqlite3", "files/ab/abcd", "logs/dewpoint.log",
)  # fmt: skip


def fill(windows: Machine) -> set[str]:
    """What a user made and fetched, by name below the data folder."""
    names = [
        *OF_CHATS, "models/big/model.safetensors", "engines/x/plan", "graphs/g.onnx", "gpu/lib.dll", "processor.json",
    ]  # fmt: skip
    for name in names:
        path = windows.data / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name, "utf-8")
    return set(names)


def data_files(windows: Machine) -> set[str]:
    """Names of all files in the data folder."""
    return {path.relative_to(windows.data).as_posix() for path in windows.data.rglob("*") if path.is_file()}


def test_uninstalling_keeps_chats_and_models_and_leaves_nothing_else(windows: Machine, setup: Path) -> None:
    before = windows.files()
    made = fill(windows)
    assert windows.install(setup) == 0
    assert differences(windows.program) == []
    assert len(windows.shortcuts) == 2
    assert windows.uninstall() == 0
    assert data_files(windows) == made
    assert windows.shortcuts == []
    assert not windows.program.parent.exists()
    shutil.rmtree(windows.data)
    assert windows.files() <= before


def test_purging_removes_chats_and_models_too(windows: Machine, setup: Path) -> None:
    fill(windows)
    assert windows.install(setup) == 0
    assert windows.uninstall("/PURGE=1") == 0
    assert not windows.data.exists()


def test_whoever_deletes_models_keeps_the_chats_and_what_belongs_to_them(windows: Machine, setup: Path) -> None:
    """Attached files and recordings went with the models."""
    fill(windows)
    assert windows.install(setup) == 0
    assert windows.uninstall("/PURGE=models") == 0
    assert data_files(windows) == set(OF_CHATS)


def test_whoever_deletes_chats_keeps_the_models(windows: Machine, setup: Path) -> None:
    made = fill(windows)
    assert windows.install(setup) == 0
    assert windows.uninstall("/PURGE=chats") == 0
    assert data_files(windows) == made - set(OF_CHATS)


def linked_elsewhere(windows: Machine, *links: Path) -> list[Path]:
    """Files in a folder elsewhere that the links lead to; Wine shows such a link as Windows shows a junction."""
    elsewhere = windows.root / "elsewhere"
    files = [elsewhere / "model.safetensors", elsewhere / "deep/chats.txt"]
    (elsewhere / "deep").mkdir(parents=True)
    for file in files:
        file.write_text("mine", "utf-8")
    for link in links:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.symlink_to(elsewhere)
    return files


def test_purging_stops_at_a_link_to_a_folder(windows: Machine, setup: Path) -> None:
    """That the link itself goes is not seen here: Wine 8 removes no link to a folder."""
    fill(windows)
    files = linked_elsewhere(
        windows, windows.data / "mine", windows.data / "models/big/link", windows.data / "logs/link"
    )
    assert windows.install(setup) == 0
    assert windows.uninstall("/PURGE=1") == 0
    assert data_files(windows) == set()
    assert all(file.exists() for file in files)


def windows_shown(windows: Machine) -> int:
    """How many windows the screen shows, boxes included."""
    return len(windows.tool("xdotool", "search", "--onlyvisible", "--name", "Dewpoint Setup").split())


def test_the_wizard_waits_until_the_program_is_closed(windows: Machine) -> None:
    running = {"python/pythonw.exe": holder().read_bytes()}
    setup = small_setup(windows.root, "1.0.0", running)
    newer = small_setup(windows.root, "1.1.0", running | {"app/new.txt": b"new"})
    assert windows.install(setup) == 0
    program = windows.hold(windows.program / "manual.txt", windows.program / "python/pythonw.exe")
    wizard = windows.start("wine", str(newer))
    until(lambda: windows_shown(windows) == 1, 30, "the wizard")

    def asked() -> bool:
        windows.tool("xdotool", "key", "Return")  # Next, then Install
        time.sleep(4)  # for 3 seconds it waits for a program that is just ending
        return windows_shown(windows) == 2

    until(asked, 30, "the box with Retry")
    assert differences(windows.program) == []
    assert not (windows.program / "app/new.txt").exists()
    stop(program)
    windows.tool("xdotool", "key", "Return")
    until((windows.program / "app/new.txt").exists, 30, "the new version")
    until(lambda: not (windows.program / "~old").exists(), 30, "the end of the old version")
    stop(wizard)
    assert differences(windows.program) == []


def test_files_of_others_in_the_program_folder_stay(windows: Machine, setup: Path) -> None:
    assert windows.install(setup) == 0
    (windows.program / "app" / "mine.txt").write_text("mine", "utf-8")
    assert windows.uninstall() == 0
    assert [path.name for path in windows.program.rglob("*") if path.is_file()] == ["mine.txt"]


def test_an_upgrade_replaces_the_program_and_keeps_the_rest(windows: Machine, setup: Path) -> None:
    made = fill(windows)
    assert windows.install(setup) == 0
    next(path for path in windows.shortcuts if path.is_relative_to(windows.root / "home")).unlink()
    newer = small_setup(windows.root, "1.1.0", {"manual.txt": None, "app/new.txt": b"new"})
    assert windows.install(newer) == 0
    assert differences(windows.program) == []
    assert not (windows.program / "manual.txt").exists()
    assert (windows.program / "app" / "new.txt").read_bytes() == b"new"
    assert data_files(windows) == made
    assert len(windows.shortcuts) == 1, "a shortcut that the user deleted came back"
    registry = "HKCU\\Software\\Microsoft\\Windows\\CurrentVersion\\Uninstall\\Dewpoint"
    assert "1.1.0" in windows.wine("reg", "query", registry, "/v", "DisplayVersion").stdout
    assert windows.uninstall() == 0
    assert windows.wine("reg", "query", registry).returncode != 0
    assert not windows.program.exists()


def test_a_setup_that_was_cut_off_can_be_run_again(windows: Machine, setup: Path) -> None:
    assert windows.install(setup) == 0
    (windows.program / "manifest.json").unlink()
    (windows.program / "blob.bin").write_bytes(b"half")
    assert windows.install(setup) == 0
    assert differences(windows.program) == []


@pytest.mark.parametrize("files", [["dewpoint.pyw"], ["dewpoint.pyw", "uninstall.exe"]])
def test_a_setup_that_was_cut_off_at_its_beginning_can_be_run_again(
    windows: Machine, setup: Path, files: list[str]
) -> None:
    windows.program.mkdir(parents=True)
    for name in files:
        (windows.program / name).write_bytes(b"")
    assert windows.install(setup) == 0
    assert differences(windows.program) == []
    assert windows.uninstall() == 0
    assert not windows.program.exists()


def test_the_folder_of_another_program_is_refused(windows: Machine, setup: Path) -> None:
    """It has an uninstall.exe, too; nothing of it is started, moved or written over."""
    other = windows.user.parent / "Public" / "Other"
    other.mkdir()
    before = {name: name.encode() for name in ("uninstall.exe", "other.exe", "other.dll")}
    for name, data in before.items():
        (other / name).write_bytes(data)
    assert windows.install(setup, f"/D={windows.name_of(other)}") == 3
    assert {path.name: path.read_bytes() for path in other.iterdir()} == before


@pytest.mark.parametrize(
    ("folder", "code"),
    [
        ("C:\\users\\Public\\Mine", 3),
        ("C:\\" + "\\".join(["Zażółć_日本_and_a_long_name"] * 9), 4),
        ("Q:\\Dewpoint", 3),
        ("C:\\in quotes", 3),
    ],
)
def test_folders_that_cannot_be_used_are_refused(windows: Machine, setup: Path, folder: str, code: int) -> None:
    other = windows.user.parent / "Public" / "Mine"
    other.mkdir()
    (other / "letter.txt").write_text("mine", "utf-8")
    before = sorted((windows.root / "prefix/drive_c").rglob("*"))
    assert windows.install(setup, f"/D={folder}") == code
    after = sorted((windows.root / "prefix/drive_c").rglob("*"))
    assert [path for path in after if path not in before and "Temp" not in path.parts] == []


def test_the_data_folder_is_no_folder_for_the_program(windows: Machine, setup: Path) -> None:
    assert windows.install(setup, f"/D={windows.name_of(windows.data)}") == 3
    assert not windows.data.exists()


@pytest.fixture
def small_drive(windows: Machine) -> Iterator[Path]:
    """A drive F: with 20 MB."""
    drive = windows.root / "small-drive"
    drive.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(drive)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here, so that there is no full disk")
    (windows.root / "prefix/dosdevices/f:").symlink_to(drive)
    yield drive
    subprocess.run(["umount", "-l", str(drive)], check=True)


def test_a_full_disk_is_seen_before_the_first_byte(windows: Machine, setup: Path, small_drive: Path) -> None:
    assert windows.install(setup, "/D=F:\\Zażółć\\Dewpoint") == 5
    assert list(small_drive.iterdir()) == []
    assert windows.shortcuts == []


def test_a_disk_that_fills_up_on_the_way_is_left_as_it_was(windows: Machine, small_drive: Path) -> None:
    optimist = small_setup(windows.root, "1.0.1", spare_mb=-100)
    assert windows.install(optimist, "/D=F:\\Dewpoint") == 2
    assert [path for path in small_drive.rglob("*") if path.is_file()] == []
    assert windows.shortcuts == []
