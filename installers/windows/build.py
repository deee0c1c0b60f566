"""Make dewpoint-setup.exe of a payload, and report sizes and times.

`python3 installers/windows/build.py --payload DIR --out FILE [--compression lzma]`, with makensis installed. What it
prints is one JSON object; the same lies beside the setup, as FILE.json.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path, PurePosixPath
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))

from installers.manifest import NAME as MANIFEST  # noqa: E402
from installers.payload import files_of, version  # noqa: E402

SPARE_MB = 30  # for what a file system adds to 4,000 files


class BuildError(Exception):
    """makensis is missing or failed; the text says what it said."""


def remove_macro(names: list[str]) -> str:
    """NSIS lines that delete the files of the manifest, then the folders that are empty, deepest first."""
    folders = {str(parent) for name in names for parent in PurePosixPath(name).parents} - {"."}
    lines = [f'Delete "$INSTDIR\\{escaped(name)}"' for name in names]
    for folder in sorted(folders, key=lambda name: (-name.count("/"), name)):
        # Python itself may have written bytecode there.
        flag = "/r " if folder.endswith("__pycache__") else ""
        lines.append(f'RMDir {flag}"$INSTDIR\\{escaped(folder)}"')
    return "!macro RemoveFiles\n" + "".join(f"  {line}\n" for line in lines) + "!macroend\n"


def escaped(name: str) -> str:
    """A path as NSIS writes it."""
    return name.replace("$", "$$").replace("/", "\\")


def definitions(payload: Path, out: Path, files: Path, spare_mb: int) -> dict[str, Any]:
    """What setup.nsi must be told of the payload."""
    sizes = files_of(payload)
    total = sum(sizes.values())
    return {
        "PAYLOAD": payload.resolve(), "OUT": out.resolve(), "FILES": files, "LONGEST": max(map(len, sizes)),
        "NEED_MB": max(1, total // 2**20 + spare_mb), "KILOBYTES": total // 1024,
    }  # fmt: skip


def build(
    payload: Path,
    out: Path,
    compression: str,
    setup_version: str | None = None,
    sign: str | None = None,
    spare_mb: int = SPARE_MB,
) -> dict[str, Any]:
    """Compile the setup; returns the report.

    Args:
        payload: What payload.py made.
        out: The setup to make; not "setup.exe", because of what Windows does with that name.
        compression: "lzma" or "zlib".
        setup_version: Another version than pyproject.toml's.
        sign: A command that signs a file, %1.
        spare_mb: How much more room than its files' sizes it asks for.

    Raises:
        BuildError: makensis is missing or failed.
    """
    makensis = shutil.which("makensis")
    if makensis is None:
        raise BuildError("makensis is missing: install NSIS (Debian: apt-get install nsis).")
    start = time.monotonic()
    names = [*json.loads((payload / MANIFEST).read_text("utf-8"))["files"], MANIFEST]
    with tempfile.TemporaryDirectory(prefix="dewpoint-setup-") as scratch:
        files = Path(scratch) / "files.nsh"
        files.write_text(remove_macro(names), "utf-8-sig")
        told = definitions(payload, out, files, spare_mb)
        told |= {"VERSION": setup_version or version(), "COMPRESSION": compression} | ({"SIGN": sign} if sign else {})
        command = [
            makensis,
            "-V2",
            "-WX",
            "-INPUTCHARSET",
            "UTF8",
            *(f"-D{name}={value}" for name, value in told.items()),
        ]
        result = subprocess.run([*command, "setup.nsi"], check=False, cwd=HERE, capture_output=True, text=True)
    if result.returncode:
        raise BuildError(f"makensis failed:\n{(result.stdout + result.stderr)[-3000:]}")
    with out.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    report = {
        "setup": out.name, "version": told["VERSION"], "bytes": out.stat().st_size, "sha256": digest,
        "installed_bytes": sum(files_of(payload).values()), "compression": compression,
        "seconds": round(time.monotonic() - start, 1),
    }  # fmt: skip
    out.with_name(out.name + ".json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    return report


def main() -> int:
    """Build a setup and print its report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--payload", type=Path, required=True, help="what payload.py made")
    parser.add_argument("--out", type=Path, required=True, help="the setup.exe to make")
    parser.add_argument("--compression", choices=("lzma", "zlib"), default="lzma", help="zlib: larger, and made sooner")
    parser.add_argument("--sign", metavar="COMMAND", help="signs setup and uninstaller; %%1 is the file")
    options = parser.parse_args()
    try:
        report = build(options.payload, options.out, options.compression, sign=options.sign)
    except BuildError as problem:
        sys.stderr.write(f"{problem}\n")
        return 1
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
