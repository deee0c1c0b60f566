"""What the shortcuts start, with pythonw.exe. Also the main module of the model processes that it spawns."""

import ctypes
import os
import sys

# pythonw.exe has no console: writing to what is None would end the program before its window could say why.
for _name in ("stdout", "stderr"):
    if getattr(sys, _name) is None:
        setattr(sys, _name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115

if __name__ == "__main__":
    from app.__main__ import main

    # The task bar then shows Dewpoint's own icon, and not Python's.
    ctypes.windll.shell32.SetCurrentProcessExplicitAppUserModelID("Dewpoint.Dewpoint")
    sys.exit(main())
