"""`python -m app`: the window."""

from __future__ import annotations

import sys


def main() -> int:
    """Run the program; returns the exit status."""
    # Imported here: the engine process, being spawned, imports this module again and needs no Qt.
    from app.main import main as run

    return run()


if __name__ == "__main__":
    sys.exit(main())
