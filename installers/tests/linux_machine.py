"""This machine as the package tests use it: apt, a screen nobody sees, and a user's clean environment."""

from __future__ import annotations

import configparser
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

from installers.linux.freeze import LOCKED_PYTHON

PROGRAM = Path("/opt/dewpoint")
DESKTOP_ENTRY = Path("/usr/share/applications/dewpoint.desktop")
TOOLS = ("apt-get", "appstreamcli", "desktop-file-validate", "dpkg-deb", "objdump", "unshare", "Xvfb")
# Watches the whole screen: prints when something is drawn on it, then saves a picture once it is told to.
WATCHER = """
import sys, time
from PySide6.QtGui import QGuiApplication
application = QGuiApplication(sys.argv[:1])
screen = application.primaryScreen()
def drawn():
    image = screen.grabWindow(0).scaled(64, 48).toImage()
    colours = [image.pixelColor(x, y).lightness() for x in range(64) for y in range(48)]
    return sum(value > 8 for value in colours) > len(colours) * 0.05
assert not drawn(), "the screen is not empty"
print("watching", flush=True)
while not drawn():
    time.sleep(0.01)
print(time.monotonic(), flush=True)
sys.stdin.readline()
assert screen.grabWindow(0).save(sys.argv[1])
"""


def reason_to_skip() -> str:
    """Why the package tests cannot run here, or ""."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        return "Linux packages are built and installed on Linux x86_64"
    if f"{sys.version_info[0]}.{sys.version_info[1]}" != LOCKED_PYTHON:
        return f"the packages' lock is made for Python {LOCKED_PYTHON}"
    if os.geteuid() != 0:
        return "only root may install packages"
    if missing := [name for name in TOOLS if shutil.which(name) is None]:
        return f"missing here: {', '.join(missing)}; .ci/tools installs them"
    if importlib.util.find_spec("PySide6") is None:
        return "PySide6 is needed to look at the screen"
    if installed_version() and not os.environ.get("CI"):
        return "Dewpoint is installed here, and the tests would replace it"
    return ""


def reason_not_alone() -> str:
    """Why no program can be started without a network here, or ""."""
    done = subprocess.run(["unshare", "--net", "true"], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"no program can be kept from the network here: {done.stderr.strip()}"


def installed_version() -> str:
    """The version that dpkg has installed, or ""."""
    command = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Version}", "dewpoint"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return shown[3:] if shown.startswith("ii") else ""


def apt(*arguments: str) -> str:
    """Run apt-get; what it said."""
    command = ["apt-get", "-y", "-qq", "--no-install-recommends", "--allow-downgrades", *arguments]
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def install(package: Path, version: str) -> None:
    """Have this version installed."""
    if installed_version() != version:
        apt("install", str(package))
    assert installed_version() == version


def user_environment(home: Path, display: str = "") -> dict[str, str]:
    """What a user's session has, and nothing of this test run."""
    env = {"HOME": str(home), "PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
    return {**env, "DISPLAY": display} if display else {**env, "QT_QPA_PLATFORM": "offscreen"}


def desktop_command() -> list[str]:
    """What a click on the menu's entry starts."""
    entry = configparser.ConfigParser(interpolation=None)
    entry.read(DESKTOP_ENTRY, "utf-8")
    return entry["Desktop Entry"]["Exec"].split()


def smoke(home: Path, *arguments: str, prefix: tuple[str, ...] = (), program: str = "dewpoint") -> dict[str, Any]:
    """One message and its answer in a program without a screen."""
    command = [*prefix, program, "--smoke", "Hello!", *arguments]
    env = user_environment(home)
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=env, cwd=home, timeout=180)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


@contextmanager
def screen() -> Iterator[str]:
    """An empty screen of X; its name."""
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x860x24", "-nolisten", "tcp"]
    server = subprocess.Popen(command, pass_fds=(write,), stderr=subprocess.DEVNULL)
    os.close(write)
    try:
        with os.fdopen(read) as answer:
            number = answer.readline().strip()
        assert number, "Xvfb did not start"
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(10)


def window_opens(command: list[str], home: Path, picture: Path, settle: float = 2.0) -> tuple[float, float]:
    """Start a program on an empty screen, and take a picture of it `settle` seconds after something was drawn.

    Returns:
        Seconds until something was drawn, and the processor's seconds that its processes had had by then: those stay
        what they are where the machine is busy with other things.
    """
    with screen() as display:
        env = {**os.environ, "DISPLAY": display, "QT_QPA_PLATFORM": "xcb"}
        watch = [sys.executable, "-c", WATCHER, str(picture)]
        piped = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        with subprocess.Popen(watch, env=env, **piped) as watcher:  # type: ignore[call-overload]
            assert watcher.stdout.readline() == "watching\n"
            start = time.monotonic()
            program = subprocess.Popen(command, env=user_environment(home, display), cwd=home)
            try:
                seconds = float(watcher.stdout.readline()) - start
                begun = psutil.Process(program.pid)
                times = [each.cpu_times() for each in (begun, *begun.children(recursive=True))]
                time.sleep(settle)
                watcher.communicate("save\n", timeout=20)
                assert watcher.returncode == 0
                assert program.poll() is None, "the program ended by itself"
            finally:
                program.terminate()
                assert program.wait(20) == 0, "the program did not close properly"
    return seconds, sum(each.user + each.system for each in times)


def forget_cached_files(folder: Path) -> None:
    """Let the next reader of these files wait for the disk, as after a restart of the computer."""
    os.sync()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def colours_of(picture: Path) -> int:
    """How many different colours a picture has; a blank one has one."""
    from PySide6.QtGui import QImage

    image = QImage(str(picture)).scaled(320, 215)
    return len({image.pixel(x, y) for x in range(image.width()) for y in range(image.height())})


def running_programs() -> list[str]:
    """Processes of the installed program."""
    found: list[str] = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            target = os.readlink(process / "exe")
        except OSError:
            continue
        if target.startswith(f"{PROGRAM}/"):
            found.append(f"{process.name}: {target}")
    return found


def files_named_dewpoint() -> set[str]:
    """Everything outside users' and scratch folders that is named after the program."""
    here = str(Path(__file__).resolve().parents[2])
    left_out = [
        word for folder in ("/root", "/home", "/tmp", "/proc", "/work", here) for word in ("-o", "-path", folder)
    ]
    command = ["find", "/", "-xdev", "(", *left_out[1:], ")", "-prune", "-o", "-iname", "*dewpoint*", "-print"]
    return set(subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines())
