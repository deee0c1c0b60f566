"""A Wayland session for the package tests: a compositor in an X window, which is typed into and photographed."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from installers.tests.linux_machine import screen, user_environment

TOOLS = {"weston": "weston", "xdotool": "xdotool", "import": "imagemagick"}
SOCKET = "wayland-test"


def why_no_session() -> str:
    """Why there can be no session here, or ""."""
    missing = [package for tool, package in TOOLS.items() if shutil.which(tool) is None]
    return f"missing here: {', '.join(missing)}; .ci/tools installs them" if missing else ""


@dataclass(frozen=True, slots=True)
class Session:
    """A user's session without X.

    Attributes:
        environment: Of a program that is started in it.
        display: The X screen that shows it; programs of the session do not know it.
    """

    environment: dict[str, str]
    display: str

    def keys(self, *arguments: str) -> None:
        """Type as `xdotool` does."""
        subprocess.run(["xdotool", *arguments], check=True, env={**os.environ, "DISPLAY": self.display})

    def photograph(self, picture: Path) -> None:
        """Save what the screen shows."""
        command = ["import", "-window", "root", str(picture)]
        subprocess.run(command, check=True, env={**os.environ, "DISPLAY": self.display})


@contextmanager
def session(home: Path) -> Iterator[Session]:
    """A compositor that takes programs; its files lie in the user's home."""
    runtime = home / "runtime"
    runtime.mkdir(mode=0o700)
    with screen() as display:
        env = {**os.environ, "DISPLAY": display, "XDG_RUNTIME_DIR": str(runtime)}
        command = ["weston", "--backend=x11-backend.so", "--use-pixman", "--no-config", "--idle-time=0"]
        command += ["--width=1200", "--height=800", f"--socket={SOCKET}"]
        with (home / "weston.log").open("w") as log:
            compositor = subprocess.Popen(command, env=env, stdout=log, stderr=log)
        try:
            until((runtime / SOCKET).exists, 20, "the compositor's socket")
            user = user_environment(home) | {"WAYLAND_DISPLAY": SOCKET, "XDG_RUNTIME_DIR": str(runtime)}
            del user["QT_QPA_PLATFORM"]
            yield Session(user, display)
        finally:
            compositor.terminate()
            compositor.wait(10)


def until(check: Callable[[], object], seconds: float, what: str) -> None:
    """Wait until a check holds.

    Raises:
        AssertionError: It does not hold in time.
    """
    end = time.monotonic() + seconds
    while not check():
        assert time.monotonic() < end, f"{what}: not within {seconds} s"
        time.sleep(0.2)
