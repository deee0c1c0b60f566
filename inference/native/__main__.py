"""`python -m inference.native`: build the library of our kernels."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from inference.native.build import BUILT, KernelBuildError, build_library


def main() -> int:
    """Build, say where it lies; exit code 1 if that failed."""
    parser = argparse.ArgumentParser(prog="python -m inference.native", description=__doc__)
    parser.add_argument("--target", choices=("linux", "windows"), default=None, help="default: this system")
    parser.add_argument("--out", type=Path, default=BUILT, metavar="DIR")
    options = parser.parse_args()
    began = time.monotonic()
    try:
        file = build_library(options.out, options.target)
    except KernelBuildError as exc:
        print(exc, file=sys.stderr)
        return 1
    print(f"{file} ({file.stat().st_size / 1e3:.0f} kB, {time.monotonic() - began:.0f} s)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
