"""The most memory that a process has held."""

from __future__ import annotations

import psutil


def peak_memory(pid: int | None) -> int | None:
    """Bytes; None where the system does not tell, or the process is gone."""
    if pid is None:
        return None
    try:
        with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as file:
            for line in file:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    try:
        peak = getattr(psutil.Process(pid).memory_info(), "peak_wset", None)  # Windows
    except psutil.Error:
        return None
    return int(peak) if peak is not None else None
