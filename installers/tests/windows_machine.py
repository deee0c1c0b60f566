"""A Windows of its own for each test: Wine in a fresh prefix, a fresh home and a screen that nobody sees."""

from __future__ import annotations

import functools
import os
import re
import select
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from installers.lock import PYTHON
from installers.manifest import verify_manifest

STUBS = Path(__file__).resolve().parent.parent / "wine"
TOOLS = {
    "makensis": "nsis", "wine": "wine wine64", "x86_64-w64-mingw32-gcc": "gcc-mingw-w64-x86-64-win32", "Xvfb": "xvfb",
    "xdotool": "xdotool", "import": "imagemagick",
}  # fmt: skip
UNINSTALLER = "not in the manifest: uninstall.exe"
# Waits; and if it is told a file, keeps that open, shared with readers alone, and makes another one as a sign of it.
HOLDER = """
#include <windows.h>
int wmain(int count, wchar_t **names) {
    if (count > 2) {
        HANDLE file = CreateFileW(names[1], GENERIC_READ, FILE_SHARE_READ, 0, OPEN_EXISTING, 0, 0);
        if (file == INVALID_HANDLE_VALUE) return 1;
        CloseHandle(CreateFileW(names[2], GENERIC_WRITE, 0, 0, CREATE_ALWAYS, 0, 0));
    }
    Sleep(INFINITE);
}
"""


def why_not() -> str:
    """Why Windows tests cannot run here; empty if they can."""
    if sys.platform != "linux":
        return "the setup is tested under Wine, on Linux"
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    if missing:
        return f"install what is missing: apt-get install --no-install-recommends {' '.join(missing)}"
    return why_no_payload()


def why_no_payload() -> str:
    """Why no payload can be built here; empty if it can."""
    here = f"{sys.version_info[0]}.{sys.version_info[1]}"
    return "" if here == PYTHON else f"the payload's bytecode needs Python {PYTHON}, this is {here}"


@functools.cache
def scratch() -> Path:
    """A folder for what several tests use; it goes when the tests end."""
    keep = tempfile.TemporaryDirectory(prefix="dewpoint-windows-")
    _KEPT.append(keep)
    return Path(keep.name)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []


@functools.cache
def stubs() -> tuple[Path, ...]:
    """The libraries of Windows 10 that Wine lacks, compiled."""
    made = []
    for source in sorted(STUBS.glob("*.c")):
        made.append(scratch() / f"{source.stem}.dll")
        command = ["x86_64-w64-mingw32-gcc", "-shared", "-Os", "-s", "-o", str(made[-1]), str(source), "-ladvapi32"]
        subprocess.run(command, check=True)
    return tuple(made)


@functools.cache
def holder() -> Path:
    """The program `HOLDER`, compiled."""
    made = scratch() / "holder.exe"
    command = ["x86_64-w64-mingw32-gcc", "-municode", "-Os", "-s", "-o", str(made), "-xc", "-"]
    subprocess.run(command, check=True, input=HOLDER.encode())
    return made


def said(process: subprocess.Popen[bytes], limit: float) -> list[str]:
    """What a program wrote to its end, to both pipes; services that it started may keep these open for longer.

    Raises:
        TimeoutExpired: It does not end within so many seconds.
    """
    last = time.monotonic() + limit
    pipes = [pipe.fileno() for pipe in (process.stdout, process.stderr) if pipe]
    data = {pipe: b"" for pipe in pipes}
    ended, ready = False, pipes[:0]
    while not ended or ready:
        if time.monotonic() > last:
            process.kill()
            raise subprocess.TimeoutExpired(process.args, limit)
        ended = process.poll() is not None
        ready = []
        for pipe in select.select(pipes, [], [], 0.02)[0]:
            chunk = os.read(pipe, 65536)
            data[pipe] += chunk
            if chunk:
                ready.append(pipe)
            else:
                pipes.remove(pipe)
    return [text.decode("utf-8", "replace").replace("\r\n", "\n") for text in data.values()]


@dataclass(slots=True)
class Machine:
    """One Windows.

    Attributes:
        root: Folder of the test.
        environment: For Wine's programs.
        started: Programs that are still to be ended.
    """

    root: Path
    environment: dict[str, str]
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def user(self) -> Path:
        """The user's folder."""
        return next(path for path in (self.root / "prefix/drive_c/users").iterdir() if path.name != "Public")

    @property
    def program(self) -> Path:
        """Where the setup puts the program if nobody says otherwise."""
        return self.user / "AppData/Local/Programs/Dewpoint"

    @property
    def data(self) -> Path:
        """Chats and models."""
        return self.user / "AppData/Local/Dewpoint"

    @property
    def shortcuts(self) -> list[Path]:
        """Shortcuts to Dewpoint, also on the desktop, which Wine keeps in the home."""
        places = [self.user / "AppData/Roaming/Microsoft/Windows/Start Menu", self.root / "home"]
        return sorted(path for place in places for path in place.rglob("Dewpoint*.lnk"))

    def name_of(self, path: Path) -> str:
        """A path as Windows knows it."""
        drive = self.root / "prefix/drive_c"
        if path.is_relative_to(drive):
            return "C:\\" + str(path.relative_to(drive)).replace("/", "\\")
        return "Z:" + str(path).replace("/", "\\")

    def wine(self, program: Path | str, *arguments: str, limit: float = 180) -> subprocess.CompletedProcess[str]:
        """Run a program to its end."""
        command = ["wine", str(program), *arguments]
        piped = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        with subprocess.Popen(command, env=self.environment, cwd=self.root, **piped) as process:  # type: ignore[call-overload]
            texts = said(process, limit)
        return subprocess.CompletedProcess(command, process.returncode, *texts)

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start a program of this machine's, or of Linux's, in its environment."""
        quiet = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        self.started.append(subprocess.Popen(command, env=self.environment, cwd=self.root, **quiet))  # type: ignore[call-overload]
        return self.started[-1]

    def hold(self, file: Path, program: Path | None = None) -> subprocess.Popen[bytes]:
        """Keep a file open in another program, `holder()` or a copy of it; returns that program, which runs then."""
        sign = self.root / "held"
        sign.unlink(missing_ok=True)
        process = self.start("wine", str(program or holder()), self.name_of(file), self.name_of(sign))
        until(sign.exists, 60, "an open file")
        return process

    def python(self, *arguments: str, program: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run the installed program with a console."""
        folder = program or self.program
        start = self.name_of(folder / "dewpoint.pyw")
        return self.wine(folder / "python/python.exe", "-X", "utf8", start, *arguments)

    def install(self, setup: Path, *arguments: str) -> int:
        """Run a setup silently; returns its exit code."""
        return self.wine(setup, "/S", *arguments).returncode

    def uninstall(self, *arguments: str, program: Path | None = None) -> int:
        """Run the uninstaller silently and to its end; returns its exit code."""
        folder = program or self.program
        copy = self.root / "uninstall-copy.exe"
        shutil.copyfile(folder / "uninstall.exe", copy)
        return self.wine(copy, "/S", *arguments, f"_?={self.name_of(folder)}").returncode

    def tool(self, *command: str) -> str:
        """What a program of Linux's says, such as xdotool; empty if it fails."""
        result = subprocess.run(command, check=False, capture_output=True, text=True, env=self.environment, timeout=60)
        return result.stdout.strip() if result.returncode == 0 else ""

    def files(self) -> set[str]:
        """What lies in the user's folder and home, without what Windows itself writes at any time."""
        places = [self.user / "AppData/Local", self.user / "AppData/Roaming", self.root / "home"]
        found = (path for place in places for path in place.rglob("*") if not path.is_dir())
        noise = re.compile(r"/(Temp|Microsoft/Windows/(INetCache|History|Cookies))/")
        return {name for path in found if not noise.search(name := str(path.relative_to(self.root)))}


def differences(program: Path) -> list[str]:
    """What differs between an installed program and what its manifest says; the uninstaller is no difference."""
    return [problem for problem in verify_manifest(program) if problem != UNINSTALLER]


def until(check: object, limit: float, what: str, pause: float = 0.3) -> None:
    """Wait until a check holds, asking again after each pause (seconds).

    Raises:
        AssertionError: It does not hold in time.
    """
    assert callable(check)
    end = time.monotonic() + limit
    while not check():
        assert time.monotonic() < end, f"{what}: not within {limit} s"
        time.sleep(pause)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a program that was started here."""
    process.terminate()
    process.wait(timeout=20)


def environment_for(root: Path, display: str) -> dict[str, str]:
    """What Wine's programs are told: a prefix, a home and a screen, and nothing of these tests' own settings."""
    ours = ("QT_", "PYTHON", "DEWPOINT", "HF_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    # winemenubuilder writes Linux' own menu entries into the home; Windows has no such thing.
    overrides = "mscoree,mshtml,winemenubuilder.exe=;mscms=n"
    wine = {"WINEPREFIX": str(root / "prefix"), "WINEDEBUG": "-all", "WINEDLLOVERRIDES": overrides}
    return kept | wine | {"HOME": str(root / "home"), "DISPLAY": display, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"}


@functools.cache
def fresh_windows() -> Path:
    """A folder with a prefix and a home that nothing was installed in yet."""
    root = scratch() / "fresh"
    (root / "home" / "Desktop").mkdir(parents=True)
    environment = environment_for(root, "")
    subprocess.run(["wineboot", "-i"], check=True, env=environment, capture_output=True, timeout=300)
    subprocess.run(["wineserver", "-w"], check=True, env=environment, timeout=300)
    for stub in stubs():
        shutil.copyfile(stub, root / "prefix/drive_c/windows/system32" / stub.name)
    return root


def copy_windows(root: Path) -> None:
    """Copy the fresh prefix; the user's folders in it that are links to the home lead to the new home."""
    old = fresh_windows()
    shutil.copytree(old, root, symlinks=True, dirs_exist_ok=True)
    for link in (root / "prefix/drive_c/users").rglob("*"):
        if link.is_symlink() and link.readlink().is_relative_to(old):
            target = root / link.readlink().relative_to(old)
            link.unlink()
            link.symlink_to(target)


@contextmanager
def machine(root: Path) -> Iterator[Machine]:
    """A machine that is gone afterwards, with all of its programs."""
    copy_windows(root)
    read, write = os.pipe()
    screen_command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x900x24", "-nolisten", "tcp"]
    screen = subprocess.Popen(screen_command, pass_fds=[write], stderr=subprocess.DEVNULL)
    os.close(write)
    with open(read, encoding="ascii") as file:
        display = file.readline().strip()
    made = Machine(root, environment_for(root, f":{display}"))
    try:
        made.start("wine", str(holder()))  # while one program runs, Wine starts the next one sooner
        yield made
    finally:
        subprocess.run(["wineserver", "-k"], check=False, env=made.environment)  # this prefix's programs only
        for process in [*made.started, screen]:
            stop(process)
        shutil.rmtree(root / "prefix", ignore_errors=True)
