"""`python -m inference.native`: build the library of our kernels."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from pathlib import Path

from inference.native.build import BUILT, KernelBuildError, build_library, not_built_before, worth_trying
from trt_engines.streams import INTERRUPTED, STOPPED

ONCE_SECONDS = 60


def main() -> int:
    """Build, say where it lies; exit code 1 if that failed, and with `--once` 0 in any case."""
    parser = argparse.ArgumentParser(prog="python -m inference.native", description=__doc__)
    parser.add_argument("--target", choices=("linux", "windows"), default=None, help="default: this system")
    parser.add_argument("--out", type=Path, default=BUILT, metavar="DIR")
    parser.add_argument(
        "--once", action="store_true", help="give up after a minute, and try again the next day at the earliest"
    )
    options = parser.parse_args()
    if options.once:
        _once(options.out)
        return 0
    began = time.monotonic()
    try:
        file = build_library(options.out, options.target)
    except KernelBuildError as exc:
        print(exc, file=sys.stderr)
        return 1
    print(f"{file} ({file.stat().st_size / 1e3:.0f} kB, {time.monotonic() - began:.0f} s)")
    return 0


def _once(folder: Path) -> None:
    if not worth_trying(folder):
        return
    print("Building our kernels for this processor, once ...", flush=True)
    began = time.monotonic()
    try:
        build_library(folder, report=_tell, seconds=ONCE_SECONDS)
    except KernelBuildError as exc:
        print(
            f"  not built: {exc}\n  The program uses ONNX Runtime. To try again: python -m inference.native", flush=True
        )
        with contextlib.suppress(OSError):
            not_built_before(folder).write_text(str(exc), "utf-8")
        return
    print(f"  built in {time.monotonic() - began:.0f} s", flush=True)


def _tell(done: int, total: int) -> None:
    print(f"  [{done}/{total}] compiled", flush=True)


if __name__ == "__main__":
    try:
        status = main()
    except KeyboardInterrupt:
        print(STOPPED, file=sys.stderr)
        status = INTERRUPTED
    sys.exit(status)
