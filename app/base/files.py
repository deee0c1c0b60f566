"""Files that are whole or not there, folders that last, and room on a disk: one of each for the whole program."""

from __future__ import annotations

from trt_engines.files import free_bytes, sync_file, sync_folder, write_whole

__all__ = ["free_bytes", "sync_file", "sync_folder", "write_whole"]
