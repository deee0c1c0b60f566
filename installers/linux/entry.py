"""The first module of the frozen program; also of its engine and build processes, which freeze_support starts."""

from __future__ import annotations

import multiprocessing
import sys

from app.__main__ import main

if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())
