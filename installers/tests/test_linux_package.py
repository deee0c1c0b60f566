"""The .deb as a user meets it: installed by apt, started from the menu, offline, upgraded, removed without a trace.

The first test builds the packages in build/linux, which takes minutes; a second run finds the environment there.
"""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from installers.linux import keep
from installers.manifest import verify_manifest
from installers.tests import linux_machine as machine
from installers.tests.wayland_session import session, until, why_no_session
from tests.app.chats.support import take_back_to
from tests.helpers.release_server import ReleaseServer

ROOT = Path(__file__).resolve().parent.parent.parent
BUILD = ROOT / "build" / "linux"
OLD = "0.0.9"
REASON = machine.reason_to_skip()
NOT_ALONE = REASON or machine.reason_not_alone()
without_network = pytest.mark.skipif(bool(NOT_ALONE), reason=NOT_ALONE or "-")
pytestmark = [pytest.mark.skipif(bool(REASON), reason=REASON or "-"), pytest.mark.timeout(1500)]


def build(*arguments: str) -> dict[str, Any]:
    """Run the build as a developer does; its report."""
    out = Path(arguments[1])
    command = [sys.executable, "installers/linux/build.py", *arguments, "--fast", "--work", str(BUILD / "work")]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return dict(json.loads((out / "report.json").read_text("utf-8")))


@pytest.fixture(scope="session")
def report() -> Iterator[dict[str, Any]]:
    """The packages of this checkout, built; nothing of them is installed when the tests are over."""
    yield build("--out", str(BUILD / "new"))
    if machine.installed_version():
        machine.apt("purge", "dewpoint")


@pytest.fixture(scope="session")
def deb(report: dict[str, Any]) -> Path:
    """The new .deb."""
    return BUILD / "new" / f"dewpoint_{report['version']}_amd64.deb"


@pytest.fixture(scope="session")
def old_deb(report: dict[str, Any]) -> Path:
    """The same program as a .deb of an earlier version."""
    build("--out", str(BUILD / "old"), "--reuse", "--only-deb", "--version", OLD)
    return BUILD / "old" / f"dewpoint_{OLD}_amd64.deb"


@pytest.fixture
def installed(report: dict[str, Any], deb: Path) -> Iterator[None]:
    """The new version is installed; no process of it is left when the test is over."""
    machine.install(deb, report["version"])
    yield
    assert machine.running_programs() == []


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A new user's home."""
    folder = tmp_path / "home"
    folder.mkdir()
    return folder


def test_no_file_of_torch_transformers_or_cuda_is_inside(deb: Path) -> None:
    listing = subprocess.run(["dpkg-deb", "-c", str(deb)], capture_output=True, text=True, check=True).stdout
    names = [line.split(maxsplit=5)[5].split(" -> ")[0] for line in listing.splitlines()]
    program = [name.removeprefix("./opt/dewpoint/_internal/") for name in names if "/_internal/" in name]
    assert len(program) > 200
    assert not [name for name in program if keep.FORBIDDEN.search(name)]
    resources = [path.relative_to(ROOT).as_posix() for path in (ROOT / "resources").rglob("*") if path.is_file()]
    assert {"uv", *(name for name in resources if "/screenshots/" not in name)} <= set(program)
    assert all(line.split()[1] == "root/root" for line in listing.splitlines())


def test_desktop_entry_and_metadata_are_valid(installed: None) -> None:
    metadata = "/usr/share/metainfo/dewpoint.metainfo.xml"
    for command in (
        ["desktop-file-validate", str(machine.DESKTOP_ENTRY)],
        ["appstreamcli", "validate", "--no-net", metadata],
    ):
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout
        assert "error" not in done.stdout
    for size in (16, 48, 128, 256, 512):
        assert Path(f"/usr/share/icons/hicolor/{size}x{size}/apps/dewpoint.png").stat().st_size > 200


def test_every_installed_file_is_as_it_was_built(installed: None) -> None:
    assert verify_manifest(machine.PROGRAM) == []
    checked = subprocess.run(["dpkg", "--verify", "dewpoint"], capture_output=True, text=True, check=True)
    # Where dpkg leaves documentation out (containers), its files are missing and nothing else is.
    assert all("/usr/share/" in line for line in checked.stdout.splitlines())
    assert (machine.PROGRAM / "licences" / "LICENCES.txt").is_file()
    assert (machine.PROGRAM / "licences" / "pyside6-essentials" / "LGPL-3.0.txt").is_file()


@without_network
def test_started_from_the_menu_a_window_opens_offline_with_little_work(installed: None, home: Path) -> None:
    """Its network has no interface at all: the first start of a new user on a computer without a network."""
    pictures = BUILD / "pictures"
    pictures.mkdir(parents=True, exist_ok=True)
    command = ["unshare", "--net", *machine.desktop_command()]
    first, work = machine.window_opens(command, home, pictures / "first-start.png")
    machine.forget_cached_files(machine.PROGRAM)
    (home.parent / "another").mkdir()
    uncached, _ = machine.window_opens(command, home.parent / "another", pictures / "uncached.png")
    again, _ = machine.window_opens(command, home, pictures / "again.png")
    times = {"first": first, "files not cached": uncached, "again": again, "of the processor, first": work}
    (BUILD / "seconds-to-window.json").write_text(json.dumps({name: round(each, 2) for name, each in times.items()}))
    assert work < 3, times
    assert machine.colours_of(pictures / "first-start.png") > 20
    assert (home / ".local/share/Dewpoint/chats.sqlite3").is_file()


@without_network
def test_the_starter_model_answers_offline(installed: None, home: Path) -> None:
    picture = BUILD / "pictures" / "answer.png"
    answer = machine.smoke(home, "--screenshot", str(picture), prefix=("unshare", "--net"))
    assert "starter model" in answer["answer"]
    assert not any(answer["modules"].values())
    assert machine.colours_of(picture) > 20


@pytest.mark.skipif(bool(why_no_session()), reason=why_no_session() or "-")
def test_a_session_of_wayland(installed: None, home: Path) -> None:
    """As most desktops have it today: no X for the program; typed into, answered, closed by Ctrl+Q."""
    picture, data = BUILD / "pictures" / "wayland.png", home / ".local/share/Dewpoint"
    picture.parent.mkdir(parents=True, exist_ok=True)
    with session(home) as wayland:
        program = subprocess.Popen(machine.desktop_command(), env=wayland.environment, cwd=home)
        try:
            until((data / "chats.sqlite3").is_file, 30, "the program's data")
            time.sleep(3)
            assert "libqwayland.so" in Path(f"/proc/{program.pid}/maps").read_text("utf-8")
            wayland.keys("type", "--delay", "60", "What are you")
            wayland.keys("key", "Return")
            until(lambda: len([text for text in chats_of(data) if "'done'" in text]) == 2, 60, "an answer")
            time.sleep(1)
            wayland.photograph(picture)
            wayland.keys("key", "ctrl+q")
            assert program.wait(30) == 0
        finally:
            program.kill()
    assert any("What are you" in text for text in chats_of(data))
    assert machine.colours_of(picture) > 20


def test_commands_work(installed: None, home: Path) -> None:
    listed = (["models", "list", "--json"], ["engines", "plan", "--gpu", "RTX 4070", "--json"], ["doctor", "--json"])
    for command in listed:
        env = machine.user_environment(home)
        done = subprocess.run(["dewpoint", *command], capture_output=True, text=True, check=False, env=env)
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
    uv = subprocess.run([machine.PROGRAM / "_internal/uv", "--version"], capture_output=True, text=True, check=True)
    assert uv.stdout.startswith("uv ")


def test_the_manual_page_is_readable(installed: None) -> None:
    shown = subprocess.run(
        ["dpkg-deb", "--fsys-tarfile", str(next((BUILD / "new").glob("*.deb")))], capture_output=True
    )
    page = subprocess.run(
        ["tar", "-xO", "./usr/share/man/man1/dewpoint.1.gz"], input=shown.stdout, capture_output=True, check=True
    ).stdout
    text = subprocess.run(["zcat"], input=page, capture_output=True, check=True).stdout.decode()
    assert re.search(r"^\.TH DEWPOINT 1 .*Dewpoint \d", text)


def chats_of(folder: Path) -> list[str]:
    """All messages in a data folder."""
    with sqlite3.connect(folder / "chats.sqlite3") as database:
        columns = [row[1] for row in database.execute("PRAGMA table_info(message)")]
        rows = database.execute(f"SELECT * FROM message ORDER BY {columns[0]}").fetchall()
    database.close()
    return [str(row) for row in rows]


def test_an_upgrade_backs_the_chats_up_and_keeps_them(
    report: dict[str, Any], deb: Path, old_deb: Path, home: Path
) -> None:
    data = home / ".local/share/Dewpoint"
    machine.install(old_deb, OLD)
    machine.smoke(home, "--base-dir", str(data))
    take_back_to(data / "chats.sqlite3", 1)
    before = chats_of(data)
    assert any("Hello!" in message for message in before)
    machine.install(deb, report["version"])
    assert chats_of(data) == before
    machine.smoke(home, "--base-dir", str(data))
    assert [message for message in before if message not in chats_of(data)] == []
    assert len(chats_of(data)) == 2 * len(before)
    (backup,) = (data / "backups").glob("chats-migration-*.sqlite3")
    backup.rename(home / "chats.sqlite3")
    assert chats_of(home) == before, "as they were before the new version changed their format"
    assert verify_manifest(machine.PROGRAM) == []


def test_the_installed_program_finds_checks_and_names_its_update(
    report: dict[str, Any], deb: Path, old_deb: Path, home: Path
) -> None:
    """As from a release: the old version asks, downloads the new .deb, and says the command that installs it."""
    machine.install(old_deb, OLD)
    with ReleaseServer() as server:
        server.publish("9.0.0", deb=deb.read_bytes(), windows=b"not for this computer")
        env = machine.user_environment(home) | {"DEWPOINT_RELEASES": server.releases}
        command = ["dewpoint", "update", "--download", "--json"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, timeout=300)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])["newer"]
    package = home / ".local/share/Dewpoint/updates/9.0.0/dewpoint_9.0.0_amd64.deb"
    assert found["install"] == f"sudo apt install {package}"
    machine.apt("install", found["install"].rpartition(" ")[2])
    assert machine.installed_version() == report["version"]
    assert verify_manifest(machine.PROGRAM) == []


def test_a_purge_leaves_no_file_but_the_users(report: dict[str, Any], deb: Path, home: Path) -> None:
    if machine.installed_version():
        machine.apt("purge", "dewpoint")
    before = machine.files_named_dewpoint()
    machine.install(deb, report["version"])
    listed = subprocess.run(["dpkg", "-L", "dewpoint"], capture_output=True, text=True, check=True).stdout.split("\n")
    machine.smoke(home, "--base-dir", str(home / "data"))
    machine.apt("purge", "dewpoint")
    assert machine.files_named_dewpoint() == before
    left = [name for name in listed if name and Path(name).is_file()]
    assert left == []
    assert not machine.PROGRAM.exists()
    assert any("Hello!" in message for message in chats_of(home / "data"))


def test_the_folder_for_an_appimage_works_from_anywhere(report: dict[str, Any], home: Path) -> None:
    folder = BUILD / "new" / "Dewpoint.AppDir"
    assert machine.smoke(home, program=str(folder / "AppRun"))["ok"]
    assert (folder / "dewpoint.desktop").is_file()
    assert (folder / ".DirIcon").resolve().name == "dewpoint.png"


@pytest.mark.skipif(shutil.which("rpm") is None, reason="missing here: rpm; .ci/tools installs it")
def test_the_rpm_comes_and_goes_without_a_trace(report: dict[str, Any], home: Path) -> None:
    """Into a folder of its own: what it needs of a system is not looked for, since Debian's rpm knows no packages."""
    package = BUILD / "new" / f"dewpoint-{report['version']}-1.x86_64.rpm"
    assert report["artefacts"][package.name]["bytes"] > 50e6
    asked = ["rpm", "-qp", "--nosignature", "--qf", "%{NAME} %{VERSION} [%{RECOMMENDS} ]", str(package)]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"dewpoint {report['version']} ")
    assert "python3" in said
    root = home / "root"
    root.mkdir()
    rpm = ["rpm", "--root", str(root), "--nodeps"]
    subprocess.run([*rpm, "-i", str(package)], check=True, capture_output=True)
    assert verify_manifest(root / "opt/dewpoint") == []
    assert machine.smoke(home, program=str(root / "opt/dewpoint/dewpoint"))["ok"]
    assert (root / "usr/share/applications/dewpoint.desktop").is_file()
    subprocess.run([*rpm, "-e", "dewpoint"], check=True, capture_output=True)
    assert list(root.rglob("*dewpoint*")) == []
