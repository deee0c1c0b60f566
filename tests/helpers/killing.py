"""A kill at every step: what changes a file or a folder is counted, and the process dies before number so-and-so.

Between two steps everything is brought back from a copy, and a file system gives the numbers of what was deleted to
what is made next. A folder that has its old number back by luck, with files in it that have not, is none from a backup;
so whoever brings back a folder of ours holds its first numbers (`numbers_held`).
"""

from __future__ import annotations

import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Collection, Iterator
from pathlib import Path

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


@contextlib.contextmanager
def numbers_held(folder: Path) -> Iterator[None]:
    """In this block nothing new gets the number of what lies in `folder` now, whether that is deleted or not."""
    with contextlib.ExitStack() as stack:
        for path in (folder, *folder.rglob("*")):
            stack.callback(os.close, os.open(path, os.O_RDONLY))  # a number is free when nobody has it open
        yield


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
