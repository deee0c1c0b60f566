"""Entry point of `python -m inference.training`."""

import sys

from inference.training.cli import main

if __name__ == "__main__":
    sys.exit(main())
