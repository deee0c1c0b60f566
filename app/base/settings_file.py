"""The settings as a JSON file: read with patience, written whole or not at all."""

from __future__ import annotations

import dataclasses
import errno
import json
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

_log = get_logger("settings")


class SettingsError(KnownAppError):
    """The settings cannot be saved."""


@dataclass(frozen=True, slots=True)
class LoadedSettings:
    """What the file said.

    Attributes:
        settings: The settings; defaults for what the file lacks or has wrong.
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
        """Read the file; a damaged one is set aside and the defaults are used. Never raises for what the file holds."""
        try:
            return LoadedSettings(self._read())
        except ValueError:
            return LoadedSettings(Settings(), self._set_aside())
        except OSError as exc:
            return LoadedSettings(Settings(), texts.settings_unreadable(exc.strerror or type(exc).__name__))

    def look(self) -> LoadedSettings:
        """The same, and a damaged file stays where it is: for a command, which is not what the user set them in."""
        try:
            return LoadedSettings(self._read())
        except ValueError:
            reason = texts.SETTINGS_ARE_DAMAGED
        except OSError as exc:
            reason = exc.strerror or type(exc).__name__
        return LoadedSettings(Settings(), f"{texts.settings_not_used(self.path, reason)} {texts.SETTINGS_LEFT}")

    def _read(self) -> Settings:
        """What the file says; the defaults if there is none.

        Raises:
            ValueError: It is nothing that we wrote.
            OSError: It cannot be read.
        """
        self._foreign = {}
        try:
            found = json.loads(read_regular(self.path, _LARGEST).decode("utf-8-sig"))
        except FileNotFoundError:
            return Settings()
        except OSError as exc:
            if exc.errno in (errno.EFBIG, errno.EINVAL):  # too large, or a pipe or device
                raise ValueError(exc.strerror) from exc
            raise
        except RecursionError as exc:
            raise ValueError("nested too deeply") from exc
        if not isinstance(found, dict):
            raise ValueError("no object")
        known = {declaration.name: declaration for declaration in DECLARATIONS}
        self._foreign = {key: value for key, value in found.items() if key not in known}
        good: dict[str, Any] = {}
        for name, declaration in known.items():
            if name not in found:
                continue
            if declaration.allows(found[name]):
                good[name] = found[name]
            else:
                _log.info("setting %s has a value that is not allowed; using its default", name)
        return Settings(**good)

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

    def _set_aside(self) -> str:
        """Rename the damaged file to a new name and say so."""
        stamp = datetime.now().strftime("%Y%m%d-%H%M%S")
        for number in range(1000):
            suffix = f"-{number}" if number else ""
            target = self.path.with_name(f"{self.path.stem}-damaged-{stamp}{suffix}{self.path.suffix}")
            if target.exists():
                continue
            try:
                self.path.rename(target)
            except OSError as exc:
                return texts.settings_unreadable(exc.strerror or type(exc).__name__)
            _log.info("damaged settings kept as %s", target.name)
            return texts.settings_damaged(target.name)
        return texts.settings_unreadable("too many damaged files")
