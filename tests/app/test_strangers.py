"""What strangers supply is read in the model process or in a look process: ARCHITECTURE.md, in a real window."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.base.paths import starter_model_folder
from tests.helpers.checkpoints import random_tensors, tiny_config, write_model
from tests.helpers.waiting import WAIT_SECONDS

ROOT = Path(__file__).resolve().parents[2]
ESCAPE = "{{ ''.__class__.__mro__ }}{% for m in messages %}{{ m.content }}{% endfor %}"


def model(folder: Path) -> Path:
    return write_model(folder, random_tensors(tiny_config()), tiny_config())


@pytest.fixture
def hostile(tmp_path: Path) -> list[Path]:
    """Folders that nobody should want."""
    nested, endless, escape = (model(tmp_path / name) for name in ("nested", "endless", "escape"))
    (nested / "config.json").write_text("[" * 200_000, encoding="utf-8")
    (endless / "config.json").unlink()
    (endless / "config.json").symlink_to("/dev/zero")
    (escape / "chat_template.jinja").write_text(ESCAPE, encoding="utf-8")
    return [nested, endless, escape]


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="this system has no devices as files")
def test_a_window_loads_nothing_that_reads_them(tmp_path: Path, hostile: list[Path]) -> None:
    good = model(tmp_path / "good")
    arguments = [str(each) for each in (tmp_path / "home", good, *hostile)]
    done = subprocess.run(
        [sys.executable, "-m", "tests.app.strangers_window", *arguments],
        cwd=ROOT, env=os.environ | {"DEWPOINT_GPU": ""}, capture_output=True, encoding="utf-8", check=False,
        timeout=4 * WAIT_SECONDS,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout.splitlines()[-1])
    assert said["loaded"] == []
    assert said["looked"]
    assert all(text.startswith("known: ") for text in (*said["problems"], *said["refused"]))
    assert {title: state for title, state in said["states"].items() if title.startswith("Bad")}.keys() == {
        "Bad 1", "Bad 2", "Bad 3",
    }  # fmt: skip
    assert said["states"]["Bad 1"] == said["states"]["Bad 2"] == "damaged"
    assert said["stored"]
    assert starter_model_folder().is_dir()
