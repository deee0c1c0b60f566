"""The settings as a JSON file: read with patience, written whole or not at all.

What cannot be read has its default, each setting for itself; but *Stay offline* is on then, until the user decides: a
damaged file must not open the network to somebody who had closed it.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import re
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from app.base import texts
from app.base.errors import KnownAppError
from app.base.files import read_regular, write_whole
from app.base.log import get_logger
from app.base.settings import DECLARATIONS, Settings

_LARGEST = 4 << 20  # bytes; all settings together take some thousand
_LINE = re.compile(r'\s*\{?\s*"([a-z_]{1,40})":\s*(\S.{0,5000}?),?\s*\}?\s*')  # as `save` writes them
_MOST_LINES = 1000

_log = get_logger("settings")


class SettingsError(KnownAppError):
    """The settings cannot be saved."""


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """What the file said.

    Attributes:
        settings: The settings; defaults for what the file lacks or has wrong, and offline where that cannot be told.
        notice: "" or a sentence to show once.
    """

    settings: Settings
    notice: str = ""


class SettingsFile:
    """Loads and saves the settings of one data folder.

    Attributes:
        path: The file; it need not exist.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._foreign: dict[str, Any] = {}

    def load(self) -> LoadedSettings:
        """Read the file; a damaged one is set aside, and what it still says is used. Never raises for what it holds."""
        try:
            return self._read()
        except ValueError:
            settings = self._salvaged()
            return LoadedSettings(settings, self._set_aside(settings))
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            return LoadedSettings(Settings(offline=True), texts.settings_unreadable(reason))

    def look(self) -> LoadedSettings:
        """The same, and a damaged file stays where it is: for a command, which is not what the user set them in."""
        try:
            return self._read()
        except ValueError:
            settings, reason = self._salvaged(), texts.SETTINGS_ARE_DAMAGED
        except OSError as exc:
            settings, reason = Settings(offline=True), exc.strerror or type(exc).__name__
        return LoadedSettings(settings, f"{texts.settings_not_used(self.path, reason)} {texts.SETTINGS_LEFT}")

    def _read(self) -> LoadedSettings:
        """What the file says; the defaults if there is none.

        Raises:
            ValueError: It is nothing that we wrote.
            OSError: It cannot be read.
        """
        self._foreign = {}
        try:
            found = json.loads(read_regular(self.path, _LARGEST).decode("utf-8-sig"))
        except FileNotFoundError:
            return LoadedSettings(Settings())
        except OSError as exc:
            if exc.errno in (errno.EFBIG, errno.EINVAL):  # too large, or a pipe or device
                raise ValueError(exc.strerror) from exc
            raise
        except RecursionError as exc:
            raise ValueError("nested too deeply") from exc
        if not isinstance(found, dict):
            raise ValueError("no object")
        known = {declaration.name for declaration in DECLARATIONS}
        self._foreign = {key: value for key, value in found.items() if key not in known}
        good = _allowed(found)
        closed = "offline" in found and "offline" not in good
        notice = " ".join(filter(None, (texts.OFFLINE_ODD * closed, _odd_values(found))))
        return LoadedSettings(Settings(**good | ({"offline": True} if closed else {})), notice)

    def _salvaged(self) -> Settings:
        """What a damaged file still says, line by line."""
        found: dict[str, Any] = {}
        with contextlib.suppress(OSError):
            text = read_regular(self.path, _LARGEST).decode("utf-8", "replace")
            for match in filter(None, map(_LINE.fullmatch, text.splitlines()[:_MOST_LINES])):
                with contextlib.suppress(ValueError, RecursionError):
                    found[match[1]] = json.loads(match[2])
        return Settings(**_allowed(found) | {"offline": True})

    def save(self, settings: Settings) -> None:
        """Write `settings`, and the keys of other versions, in one step: a crash leaves the old file or the new.

        Raises:
            SettingsError: The file cannot be written; the old one is as it was.
        """
        values = {**self._foreign, **dataclasses.asdict(settings)}
        data = (json.dumps(values, indent=2, ensure_ascii=True) + "\n").encode("ascii")
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_whole(self.path, data, private=True)
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
            raise SettingsError(texts.settings_not_saved(reason), texts.SETTINGS_NOT_SAVED_HINT) from exc

    def _set_aside(self, settings: Settings) -> str:
        """Keep the damaged file under a new name, put `settings` in its place, and say so."""
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        for number in range(1000):
            suffix = f"-{number}" if number else ""
            target = self.path.with_name(f"{self.path.stem}-damaged-{stamp}{suffix}{self.path.suffix}")
            if os.path.lexists(target):
                continue
            try:
                _second_name(self.path, target)
                self.save(
                    settings
                )  # at once: a start after a kill would find no file, and take the network for allowed
            except OSError as exc:
                return texts.settings_unreadable(exc.strerror or type(exc).__name__)
            except SettingsError as exc:
                return f"{texts.settings_damaged(target.name)} {exc.user_text}"
            _log.info("damaged settings kept as %s", target.name)
            return texts.settings_damaged(target.name)
        return texts.settings_unreadable("too many damaged files")


def _odd_values(found: dict[str, Any]) -> str:
    """A sentence that names the settings whose values are not allowed; "" if there are none.

    What the program remembers by itself is not worth a word; Stay offline has a sentence of its own.
    """
    there = [each for each in DECLARATIONS if each.in_dialog and each.name in found and each.name != "offline"]
    odd = [each.title for each in there if not each.allows(found[each.name])]
    return texts.settings_odd(odd) if odd else ""


def _allowed(found: dict[str, Any]) -> dict[str, Any]:
    """The settings among these values that are allowed."""
    good: dict[str, Any] = {}
    for declaration in DECLARATIONS:
        if declaration.name in found and declaration.allows(found[declaration.name]):
            good[declaration.name] = found[declaration.name]
        elif declaration.name in found:
            _log.info("setting %s has a value that is not allowed; using its default", declaration.name)
    return good


def _second_name(path: Path, target: Path) -> None:
    """Keep what lies at `path` as `target`, too, so that at no moment there is no file; some drives can only rename."""
    try:
        os.link(path, target, follow_symlinks=False)
    except (OSError, NotImplementedError):
        path.rename(target)
