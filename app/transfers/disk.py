"""What the errors of a disk mean for a download."""

from __future__ import annotations

import errno

from app.transfers import texts
from app.transfers.errors import DiskFullError, TransferError

FULL = (errno.ENOSPC, errno.EDQUOT)


def translated(exc: OSError) -> DiskFullError | TransferError:
    """What an error of the disk means for a download."""
    # 112 is Windows' ERROR_DISK_FULL, which Python does not always turn into ENOSPC.
    if exc.errno in FULL or getattr(exc, "winerror", None) == 112:
        return DiskFullError()
    if exc.errno == errno.EFBIG:
        return TransferError("disk", *texts.file_too_large(exc.strerror or "file too large"))
    return TransferError("disk", *texts.disk_failed(exc.strerror or type(exc).__name__))
