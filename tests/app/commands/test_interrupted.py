"""Ctrl+C while a server is asked that does not answer: the command ends at once, without a word."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.hostile_server import HostileServer, drip, head, silence
from tests.helpers.waiting import WAIT_SECONDS, wait_until
from trt_engines.streams import INTERRUPTED

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
    assert (child.returncode, out, errors) == (INTERRUPTED, "", "")
