"""What the GPU add-on consists of, for the window to show before anything is fetched: `python3 requirements/gpu.py`.

Takes installers/locks/gpu-*.txt, fetches every wheel that they name (hash-checked), and writes resources/gpu: the
locks, sizes to fetch and on the disk, and the licences that the wheels carry. `python3 installers/lock.py` comes first.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from email import message_from_string
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
LOCKS, OUT = ROOT / "installers" / "locks", ROOT / "resources" / "gpu"
PLATFORMS = {"linux": ("manylinux_2_28_x86_64", "manylinux_2_24_x86_64"), "windows": ("win_amd64",)}
MAIN = "tensorrt-rtx-cu13-libs"


def fetched(system: str, lock: Path, folder: Path) -> list[Path]:
    """The wheels of a lock."""
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--require-hashes", "--only-binary=:all:"]
    command += ["--python-version", "3.11", "--implementation", "cp"]
    command += [word for abi in ("cp311", "abi3", "none") for word in ("--abi", abi)]
    command += [word for platform in PLATFORMS[system] for word in ("--platform", platform)]
    subprocess.run([*command, "-r", str(lock), "-d", str(folder)], check=True)
    return sorted(folder.glob("*.whl"))


def licence_of(wheel: Path) -> tuple[str, str, str]:
    """Name of the package, name of its licence, and the text that its wheel carries."""
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        meta = message_from_string(
            archive.read(next(name for name in names if name.endswith(".dist-info/METADATA"))).decode("utf-8")
        )
        texts = [name for name in names if re.search(r"\.dist-info/(licenses/)?LICEN[CS]E[^/]*$", name)]
        text = "\n\n".join(archive.read(name).decode("utf-8", "replace").replace("\r\n", "\n") for name in texts)
    package = re.sub(r"[-_.]+", "-", str(meta["Name"])).lower()
    return package, str(meta.get("License-Expression") or meta.get("License") or ""), text


def main() -> int:
    """Write everything anew."""
    OUT.mkdir(parents=True, exist_ok=True)
    facts: dict[str, Any] = {}
    licences: dict[str, list[str]] = {}
    for system in PLATFORMS:
        lock = LOCKS / f"gpu-{system}.txt"
        with tempfile.TemporaryDirectory(prefix="dewpoint-gpu-") as folder:
            wheels = fetched(system, lock, Path(folder))
            unpacked = sum(info.file_size for wheel in wheels for info in zipfile.ZipFile(wheel).infolist())
            facts[system] = {"download": sum(wheel.stat().st_size for wheel in wheels), "installed": unpacked}
            for package, name, text in (licence_of(wheel) for wheel in wheels):
                if system == "linux" and text:
                    licences.setdefault(text, []).append(f"{package} ({name})")
        shutil.copyfile(lock, OUT / f"lock-{system}.txt")
        facts["version"] = next(
            line.split("==")[1].split()[0] for line in lock.read_text("utf-8").splitlines() if line.startswith(MAIN)
        )
    parts = [f"{', '.join(packages)}\n{'=' * 78}\n\n{text.strip()}\n" for text, packages in licences.items()]
    parts.sort(key=lambda part: not part.startswith("tensorrt"))
    (OUT / "licences.txt").write_text("\n\n".join(parts), "utf-8", newline="\n")
    (OUT / "facts.json").write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", "utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
