"""The settings as a file of their own, to be kept or taken to another computer: those of the dialog, nothing else.

What the program remembers by itself (the place of the window, the last chat, the model's folder) stays here. The file
may come from anywhere: it is read within a limit, and every value is checked like one of the program's own.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.base import texts
from app.base.errors import KnownAppError
from app.base.files import named_target, read_regular, write_whole
from app.base.settings import DECLARATIONS, Declaration, Settings, Value

MARK = "dewpoint_settings"
_LARGEST = 1 << 20


class ShareError(KnownAppError):
    """The file cannot be written or read, or holds no settings."""


@dataclass(frozen=True, slots=True)
class SharedSettings:
    """What a file would change.

    Attributes:
        changes: By name; only what differs from the settings that hold.
        refused: Titles of settings whose values are not allowed.
    """

    changes: dict[str, Value]
    refused: tuple[str, ...] = ()


def export_settings(path: Path, settings: Settings) -> None:
    """Write a file, whole or not at all.

    Raises:
        ShareError: It cannot be written.
    """
    values = {MARK: 1, **{each.name: getattr(settings, each.name) for each in _shared()}}
    try:
        write_whole(named_target(path), (json.dumps(values, indent=2, ensure_ascii=True) + "\n").encode("ascii"))
    except OSError as exc:
        raise ShareError(texts.share_not_written(path, exc.strerror or type(exc).__name__), texts.SHARE_HINT) from exc


def import_settings(path: Path, settings: Settings) -> SharedSettings:
    """What a file would change; nothing is changed yet.

    Raises:
        ShareError: It cannot be read, or holds no settings of ours.
    """
    try:
        found = json.loads(read_regular(path, _LARGEST).decode("utf-8-sig"))
    except OSError as exc:
        raise ShareError(texts.share_not_read(path, exc.strerror or type(exc).__name__), texts.SHARE_HINT) from exc
    except (ValueError, RecursionError) as exc:
        raise ShareError(texts.no_settings(path), texts.NO_SETTINGS_HINT) from exc
    if not isinstance(found, dict) or not any(each.name in found for each in _shared()):
        raise ShareError(texts.no_settings(path), texts.NO_SETTINGS_HINT)
    there = [each for each in _shared() if each.name in found]
    refused = tuple(each.title for each in there if not each.allows(found[each.name]))
    changes: dict[str, Any] = {
        each.name: found[each.name]
        for each in there
        if each.allows(found[each.name]) and found[each.name] != getattr(settings, each.name)
    }
    return SharedSettings(changes, refused)


def _shared() -> tuple[Declaration, ...]:
    return tuple(each for each in DECLARATIONS if each.in_dialog)
