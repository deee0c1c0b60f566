"""Files that are whole or not there, folders that last, and room on a disk: one of each for the whole program."""

from __future__ import annotations

from trt_engines.files import (
    check_regular,
    free_bytes,
    named_target,
    open_regular,
    parse_json,
    read_json,
    read_regular,
    sync_file,
    sync_folder,
    write_whole,
    writing_whole,
    written_names,
)

__all__ = [
    "check_regular",
    "free_bytes",
    "named_target",
    "open_regular",
    "parse_json",
    "read_json",
    "read_regular",
    "sync_file",
    "sync_folder",
    "write_whole",
    "writing_whole",
    "written_names",
]
