"""`python -m inference`: the core without a window."""

from __future__ import annotations

import sys

from inference.cli import main
from trt_engines.streams import run_program

if __name__ == "__main__":
    sys.exit(run_program(main))
