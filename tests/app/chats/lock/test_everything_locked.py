"""Tests that know nothing of the lock, with every history encrypted (`tests.helpers.locked_run`)."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[4]
CHOSEN = ("test_history.py", "test_unsent.py", "test_search.py", "test_order.py", "test_blanks.py")
PLAIN_ALONE = (  # they open the file by hand, or look at its bytes
    "not files_go_with_the_last_chat"
)


@pytest.mark.slow
def test_the_chats_work_as_well_when_they_are_locked() -> None:
    files = [str(ROOT / "tests" / "app" / "chats" / name) for name in CHOSEN]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "-p", "tests.helpers.locked_run"]
    done = subprocess.run(
        [*command, "-o", "addopts=--import-mode=importlib", "-k", PLAIN_ALONE, *files],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
