"""How much memory a look process may take: by the kernel on Linux, by a job object on Windows.

What is mapped from files does not count on either, so that a checkpoint of 50 GB is looked at within a gigabyte.
"""

from __future__ import annotations

import ctypes
import sys

MEMORY = 2 << 30  # bytes; the tokenizer of a vocabulary of 262,144 takes a quarter of it


def limit_own_memory(most: int) -> None:
    """From now on this process gets no more than `most` bytes of its own (POSIX; a core would hold them all).

    `RLIMIT_DATA` counts private writable memory since Linux 4.7 (getrlimit(2)).
    """
    if sys.platform == "win32":
        return  # `MemoryJob`, from the outside
    import resource

    for kind, wanted in ((resource.RLIMIT_DATA, most), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(kind)
        least = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(kind, (least, least))


class _BasicLimits(ctypes.Structure):
    """JOBOBJECT_BASIC_LIMIT_INFORMATION (winnt.h)."""

    _fields_ = (
        ("PerProcessUserTimeLimit", ctypes.c_int64),
        ("PerJobUserTimeLimit", ctypes.c_int64),
        ("LimitFlags", ctypes.c_uint32),
        ("MinimumWorkingSetSize", ctypes.c_size_t),
        ("MaximumWorkingSetSize", ctypes.c_size_t),
        ("ActiveProcessLimit", ctypes.c_uint32),
        ("Affinity", ctypes.c_size_t),
        ("PriorityClass", ctypes.c_uint32),
        ("SchedulingClass", ctypes.c_uint32),
    )


class ExtendedLimits(ctypes.Structure):
    """JOBOBJECT_EXTENDED_LIMIT_INFORMATION (winnt.h); six counters stand for IO_COUNTERS."""

    _fields_ = (
        ("BasicLimitInformation", _BasicLimits),
        ("IoInfo", ctypes.c_uint64 * 6),
        ("ProcessMemoryLimit", ctypes.c_size_t),
        ("JobMemoryLimit", ctypes.c_size_t),
        ("PeakProcessMemoryUsed", ctypes.c_size_t),
        ("PeakJobMemoryUsed", ctypes.c_size_t),
    )


_EXTENDED = 9  # JobObjectExtendedLimitInformation
_PROCESS_MEMORY, _KILL_ON_CLOSE, _NO_DIALOG = 0x100, 0x2000, 0x400


class MemoryJob:
    """A Windows job that one process is put into: it limits its memory, and ends it when this process ends."""

    def __init__(self, process: int, most: int) -> None:
        """Put a process into a job of its own.

        Args:
            process: Its handle (`multiprocessing.Process.sentinel`).
            most: Bytes that it may have of its own.

        Raises:
            OSError: The system does not let us.
        """
        self._kernel = ctypes.WinDLL("kernel32", use_last_error=True)  # type: ignore[attr-defined, unused-ignore]
        self._kernel.CreateJobObjectW.restype = ctypes.c_void_p
        self._job = self._kernel.CreateJobObjectW(None, None)
        limits = ExtendedLimits()
        limits.BasicLimitInformation.LimitFlags = _PROCESS_MEMORY | _KILL_ON_CLOSE | _NO_DIALOG
        limits.ProcessMemoryLimit = most
        job, size = ctypes.c_void_p(self._job), ctypes.c_uint32(ctypes.sizeof(limits))
        done = bool(self._job) and self._kernel.SetInformationJobObject(job, _EXTENDED, ctypes.byref(limits), size)
        if not done or not self._kernel.AssignProcessToJobObject(job, ctypes.c_void_p(process)):
            self.close()
            raise OSError("a job object could not be used")

    def close(self) -> None:
        """Let go of the job, which ends what is in it."""
        if self._job:
            self._kernel.CloseHandle(ctypes.c_void_p(self._job))
            self._job = None
