"""`python -m inference`: the core without a window."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the program; returns the exit status."""
    # Imported here, as all the rest, so that Ctrl+C is quiet from the beginning on.
    try:
        from trt_engines.streams import run_program
    except KeyboardInterrupt:
        print("Stopped by Ctrl+C.", file=sys.stderr)  # `trt_engines.streams.STOPPED`
        return 130

    return run_program(_run)


def _run() -> int:
    from inference.cli import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
