r"""Where everything lies: one data folder for what the user makes, one resources folder for what ships with Dewpoint.

The data folder is the platform's own (Linux ~/.local/share/Dewpoint, Windows %LOCALAPPDATA%\Dewpoint) unless
`--base-dir` or the environment variable DEWPOINT_HOME names another one; tests always do.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import platformdirs

from app.base import texts
from app.base.errors import KnownAppError

BASE_DIR_VARIABLE = "DEWPOINT_HOME"
BASE_DIR_OPTION = "--base-dir"
SOON_SECONDS = 0.1  # of the window's thread, for a drive that may hang

A = TypeVar("A")
_MOST_REAL_PATHS = 256
_real_paths: dict[Path, str | None] = {}  # None while the drive has not answered


class FolderError(KnownAppError):
    """A folder cannot be made or written."""


@dataclass(frozen=True, slots=True)
class AppPaths:
    """Files and folders of one data folder.

    Attributes:
        base: The data folder, absolute.
    """

    base: Path

    @classmethod
    def resolve(cls, base_dir: str | Path | None = None) -> AppPaths:
        """The paths for `--base-dir`, else for DEWPOINT_HOME, else for this platform; nothing is made yet.

        Raises:
            FolderError: The system knows no home folder of this user, the path is empty, or begins in a folder that is
                gone.
        """
        if base_dir is not None and not str(base_dir):
            raise FolderError(texts.BASE_DIR_MISSING)
        chosen = base_dir or os.environ.get(BASE_DIR_VARIABLE)
        try:
            if not chosen:
                chosen = platformdirs.user_data_path(texts.APP_NAME, appauthor=False, roaming=False)
            folder = Path(chosen).expanduser()
        except RuntimeError as exc:
            raise FolderError(texts.NO_HOME, texts.NO_HOME_HINT) from exc
        try:
            # "new/../data" must not leave a folder "new"; a link before ".." is followed, as the system does.
            return cls(Path(os.path.realpath(folder)) if ".." in folder.parts else folder.absolute())
        except OSError as exc:  # a relative path, in a folder that is gone
            raise FolderError(texts.CURRENT_FOLDER_GONE, texts.CURRENT_FOLDER_GONE_HINT) from exc

    @property
    def data_file(self) -> Path:
        """The chats."""
        return self.base / "chats.sqlite3"

    @property
    def recordings(self) -> Path:
        """How answers were written, to be replayed."""
        return self.base / "recordings.sqlite3"

    @property
    def start_note(self) -> Path:
        """There while a start has not come to rest."""
        return self.base / "starting"

    @property
    def backups(self) -> Path:
        """Copies of the chats."""
        return self.base / "backups"

    @property
    def logs(self) -> Path:
        """The log file and its older parts."""
        return self.base / "logs"

    @property
    def engines(self) -> Path:
        """TensorRT engines, a folder for each set."""
        return self.base / "engines"

    @property
    def models(self) -> Path:
        """Downloaded models, a folder for each."""
        return self.base / "models"

    @property
    def graphs(self) -> Path:
        """Graph templates that were made on this machine."""
        return self.base / "graphs"

    @property
    def gpu(self) -> Path:
        """The GPU add-on: TensorRT for RTX, if the user installed it."""
        return self.base / "gpu"

    @property
    def updates(self) -> Path:
        """Packages of newer versions, fetched and not installed yet."""
        return self.base / "updates"

    @property
    def settings_file(self) -> Path:
        """The settings."""
        return self.base / "settings.json"

    def ensure(self) -> AppPaths:
        """Make the folders that are missing, readable by this user alone.

        Raises:
            FolderError: A folder cannot be made, or cannot be written.
        """
        for folder in (self.base, self.backups, self.logs):
            try:
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as exc:
                raise _folder_error(folder, exc) from exc
            if not os.access(folder, os.W_OK):
                raise FolderError(texts.folder_not_usable(folder, "no permission"), texts.FOLDER_NOT_USABLE_HINT)
        return self


def _folder_error(folder: Path, exc: OSError) -> FolderError:
    reason = exc.strerror or type(exc).__name__
    return FolderError(texts.folder_not_usable(folder, reason), texts.FOLDER_NOT_USABLE_HINT)


def split_base_dir(arguments: Sequence[str]) -> tuple[str | None, list[str]]:
    """The folder that `--base-dir` names (None without one, the last of several), and the other arguments.

    A `--base-dir` without a folder behind it stays among the others.
    """
    base: str | None = None
    others: list[str] = []
    waiting = list(arguments)
    while waiting:
        argument = waiting.pop(0)
        if argument == "--":
            return base, [*others, argument, *waiting]
        if argument.startswith(BASE_DIR_OPTION + "="):
            base = argument.partition("=")[2]
        elif argument == BASE_DIR_OPTION and waiting and not waiting[0].startswith("-"):
            base = waiting.pop(0)
        else:
            others.append(argument)
    return base, others


def named_path(name: str | Path) -> Path:
    """A path as the user wrote it, with the home folder for "~"; where the system knows none, "~" is but a name."""
    try:
        return Path(name).expanduser()
    except RuntimeError:
        return Path(name)


def resources_folder() -> Path:
    """The files that ship with the program: beside the `app` package, in a checkout and in an installed program."""
    return Path(__file__).resolve().parents[2] / "resources"


def starter_model_folder() -> Path:
    """The starter model's checkpoint folder."""
    return resources_folder() / "starter"


def same_folder(one: Path | None, other: Path | None) -> bool:
    """Whether two paths lead to the same folder."""
    return one is not None and other is not None and (one == other or _real(one) == _real(other))


def _real(path: Path) -> str:
    """Looked up once: this is asked at every piece of news, and the drive may be slow, or gone.

    A drive is waited for once, too; what it answers late holds from then on, and where it refuses, it is asked again.
    """
    if path not in _real_paths:
        while len(_real_paths) >= _MOST_REAL_PATHS:
            _real_paths.pop(next(iter(_real_paths)))
        _real_paths[path] = None

        def find() -> None:
            try:
                _real_paths[path] = os.path.realpath(path)
            except (OSError, ValueError):
                _real_paths.pop(path, None)

        answered_soon(find, None)
    return _real_paths.get(path) or os.path.abspath(path)


def is_folder(path: Path) -> bool:
    """Whether there is a folder, for the window's own thread; a drive that does not answer counts as one that has it.

    False where the system refuses to say; nothing is raised.
    """
    return answered_soon(lambda: os.path.isdir(path), True)


def answered_soon(ask: Callable[[], A], otherwise: A, seconds: float = SOON_SECONDS) -> A:
    """What `ask` finds out about a drive, or `otherwise` if it fails or takes longer: the window must not hang."""
    found: list[A] = []

    def find() -> None:
        with contextlib.suppress(OSError, ValueError):
            found.append(ask())

    # A daemon: where the drive never answers, it must not keep the program from ending.
    thread = threading.Thread(target=find, name="question to a drive", daemon=True)
    thread.start()
    thread.join(seconds)
    return found[0] if found else otherwise
