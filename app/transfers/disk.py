"""Room on the disk, and what its errors mean."""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from app.transfers import texts
from app.transfers.errors import DiskFullError, TransferError

FULL = (errno.ENOSPC, errno.EDQUOT)


def free_bytes(folder: Path) -> int:
    """Bytes that can be written at `folder`, which need not exist yet.

    Raises:
        OSError: The disk cannot be asked.
    """
    place = folder
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def translated(exc: OSError) -> DiskFullError | TransferError:
    """What an error of the disk means for a download."""
    # 112 is Windows' ERROR_DISK_FULL, which Python does not always turn into ENOSPC.
    if exc.errno in FULL or getattr(exc, "winerror", None) == 112:
        return DiskFullError()
    return TransferError("disk", *texts.disk_failed(exc.strerror or type(exc).__name__))


def sync_folder(folder: Path) -> None:
    """Make renames in a folder last through a power cut, where the system offers that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
