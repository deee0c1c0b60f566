"""Resolve pyproject.toml for all supported Pythons and systems, and write run.txt and dev.txt beside this file.

Started by `python3 dev.py lock`. Uses uv from a scratch environment; uv is needed for nothing else.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
UV = "uv==0.13.9"


def main() -> int:
    """Write both locks; the second one keeps every version of the first."""
    with tempfile.TemporaryDirectory(prefix="dewpoint-lock-") as scratch:
        scripts = Path(scratch) / ("Scripts" if os.name == "nt" else "bin")
        subprocess.run([sys.executable, "-m", "venv", scratch], check=True)
        subprocess.run([str(scripts / "python"), "-m", "pip", "install", "-q", UV], check=True)
        common = [str(scripts / "uv"), "pip", "compile", "pyproject.toml", "--universal", "--python-version", "3.11"]
        common += ["--fork-strategy", "fewest", "--no-annotate", "--quiet", "--upgrade", "--no-emit-index-url"]
        common += ["--custom-compile-command", "python3 dev.py lock", "-o"]
        run_lock, dev_lock = str(FOLDER / "run.txt"), str(FOLDER / "dev.txt")
        subprocess.run([*common, run_lock], cwd=FOLDER.parent, check=True)
        subprocess.run([*common, dev_lock, "--extra", "dev", "-c", run_lock], cwd=FOLDER.parent, check=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
