"""Ctrl+C while a server or a look does not answer: the command ends at once, with one sentence, and leaves nothing."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from app.base.paths import AppPaths, starter_model_folder
from app.library.services import LibraryServices
from tests.helpers.hostile_server import HostileServer, drip, head, silence
from tests.helpers.waiting import WAIT_SECONDS, wait_until
from trt_engines.streams import INTERRUPTED, STOPPED

ROOT = Path(__file__).resolve().parents[3]
DOWNLOAD, UPDATE = ("models", "download", "owner/tiny"), ("update",)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl+C to a whole console")
@pytest.mark.parametrize("command", [DOWNLOAD, UPDATE], ids=["models download", "update"])
@pytest.mark.parametrize("how", [silence, drip(head(None), b" ")], ids=["silence", "drip"])
def test_a_question_is_interrupted(
    command: tuple[str, ...], how: object, hostile: HostileServer, dewpoint_home: Path
) -> None:
    hostile.places = {"/": how}  # type: ignore[dict-item]
    child = subprocess.Popen(
        [sys.executable, "-m", "app", *command], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
    )  # fmt: skip
    wait_until(lambda: hostile.seen or child.poll() is not None)
    child.send_signal(signal.SIGINT)
    out, errors = child.communicate(timeout=WAIT_SECONDS)
    assert (child.returncode, out, errors) == (INTERRUPTED, "", f"{STOPPED}\n")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl+C to a whole console")
def test_a_look_into_a_folder_is_interrupted(dewpoint_home: Path) -> None:
    """A terminal sends Ctrl+C to the look process, too; here that one hangs, and takes no notice."""
    folder = starter_model_folder()
    before = sorted(folder.iterdir())
    command = subprocess.Popen(
        [sys.executable, "-m", "app", "models", "import", str(folder)], cwd=ROOT, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    parent, looks = psutil.Process(command.pid), list[psutil.Process]()

    def begun() -> bool:
        looks[:] = [each for each in parent.children() if any("spawn_main" in word for word in each.cmdline())]
        return bool(looks)

    wait_until(begun)
    looks[0].suspend()
    os.killpg(command.pid, signal.SIGINT)
    assert command.wait(timeout=WAIT_SECONDS) == INTERRUPTED
    with contextlib.suppress(psutil.NoSuchProcess):
        looks[0].resume()  # interrupted before it knew the process: that one ends when it finds nobody there
    assert command.communicate(timeout=WAIT_SECONDS) == ("", f"{STOPPED}\n")
    wait_until(lambda: not looks[0].is_running())  # whoever takes its place collects it
    assert LibraryServices.open(AppPaths(dewpoint_home)).library.models() == ()
    assert sorted(folder.iterdir()) == before


@pytest.mark.skipif(sys.platform == "win32", reason="Windows sends Ctrl+C to a whole console")
def test_the_doctor_is_interrupted_while_it_tries_tensorrt(dewpoint_home: Path) -> None:
    """The process of the trial gets the Ctrl+C, too, before it has read a line of ours."""
    pytest.importorskip("tensorrt_rtx_bindings")
    command = subprocess.Popen(
        [sys.executable, "-m", "app", "doctor"], cwd=ROOT, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=os.environ | {"PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring"},
    )  # fmt: skip
    parent = psutil.Process(command.pid)

    def begun() -> bool:
        return any("spawn_main" in word for each in parent.children() for word in each.cmdline())

    wait_until(begun)
    os.killpg(command.pid, signal.SIGINT)
    out, errors = command.communicate(timeout=WAIT_SECONDS)
    assert (command.returncode, out, errors) == (INTERRUPTED, "", f"{STOPPED}\n")
