"""`python -m app`: the window; `python -m app COMMAND`: a command without one."""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the program; returns the exit status."""
    # Imported here, as all the rest: the model process, being spawned, imports this module again and needs none of it.
    try:
        from trt_engines.streams import run_program
    except KeyboardInterrupt:
        print("Stopped by Ctrl+C.", file=sys.stderr)  # `trt_engines.streams.STOPPED`
        return 130

    return run_program(_run)


def _run() -> int:
    from app.base.paths import split_base_dir

    _, others = split_base_dir(sys.argv[1:])
    if others and not others[0].startswith("-"):
        from app.commands.dispatch import run_command

        return run_command(sys.argv[1:])
    # Modules live as long as the program: collecting garbage among them cost a twelfth of the start.
    gc.disable()
    from app.main import main as run

    gc.freeze()
    gc.enable()
    return run()


if __name__ == "__main__":
    sys.exit(main())
