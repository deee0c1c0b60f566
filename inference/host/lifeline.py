"""No model process outlives its window, however the window ends."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h
# Set by the test of the first net, which this second one would hide.
NO_KERNEL_VARIABLE = "DEWPOINT_NO_PDEATHSIG"


def die_with_parent(parent_pid: int) -> None:
    """Ask the kernel to kill this process when its parent dies (Linux; elsewhere the pipe's end must do).

    The end of the command pipe is noticed by the server's reader thread on every system. This is the second net,
    for a driver call that hangs and never lets the reader thread run.

    The kernel means the *thread* that started this process: it must live as long as the model process shall.
    """
    if not sys.platform.startswith("linux") or os.environ.get(NO_KERNEL_VARIABLE):
        return
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL), 0, 0, 0)
    # The parent may have died before the call.
    if os.getppid() != parent_pid:
        os._exit(1)
