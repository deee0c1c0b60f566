"""A kill at every step: what changes a file or a folder is counted, and the process dies before number so-and-so."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Callable, Collection

# Whatever changes a file or a folder: a kill before each of these is a kill at every step.
CHANGES = (
    "os.rename",
    "os.remove",
    "os.rmdir",
    "os.mkdir",
    "os.link",
    "os.truncate",
    "shutil.rmtree",
    "sqlite3.connect",
)
WRITING = "open"  # stands for opening a file to write to it


def killed(act: Callable[[], object], step: int, changes: Collection[str] = (*CHANGES, WRITING)) -> bool:
    """Run `act` in a process of its own that dies before its change number `step`; whether it came so far.

    Raises:
        AssertionError: It failed by itself: that is neither a kill nor its end.
    """
    child = os.fork()
    if child:
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert code in (0, 9), f"step {step}: it failed by itself ({code}); what it said is on standard error"
        return code == 9
    left = step

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal left
        if event == "open":
            flags = arguments[2]
            counts = WRITING in changes and isinstance(flags, int) and bool(flags & (os.O_WRONLY | os.O_RDWR))
        else:
            counts = event in changes
        if counts:
            left -= 1
            if left < 0:
                os._exit(9)

    sys.addaudithook(hook)
    try:
        act()
    except BaseException:  # the child must never go on as a second pytest
        os.write(2, traceback.format_exc().encode())
        os._exit(1)
    os._exit(0)
