"""Ask what the newest release is, fetch its package, check it. Nothing is installed here, and nothing without a click.

A package lies in the folder `updates` of the data folder until the version that it brings runs; then it is deleted.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import threading
from collections.abc import Generator
from pathlib import Path
from typing import TYPE_CHECKING

from app import __version__
from app.base.errors import KnownAppError, StoppedError
from app.base.files import sync_folder
from app.base.log import get_logger
from app.library.ledger import FolderOwner
from app.library.services import LibraryServices
from app.network.errors import answer_trouble, host, status_trouble, trouble
from app.network.limits import RELEASE
from app.transfers.values import RemoteFile, TransferEvent
from app.updates import texts
from app.updates.errors import NoReleasesError, UpdateError
from app.updates.release import Release, ReleaseFile, is_version, numbers, read_release
from app.updates.source import APPIMAGE_VARIABLE, Source, find_source
from app.updates.values import Found
from inference.errors import InferenceError, LookStoppedError
from inference.look.questions import NoAnswer, ReadValues
from trt_engines.held import mark_at

if TYPE_CHECKING:
    import httpx2

ASK_SECONDS = 10.0  # for each of: connecting, waiting for the answer; the whole has a limit of its own

_log = get_logger("updates")


class UpdateService:
    """The updates of one data folder; nothing is held between two calls, so any thread may use it.

    Args:
        services: Folders, network, and how downloads behave.
        version: Of this program; another one in tests.
    """

    def __init__(self, services: LibraryServices, version: str = __version__) -> None:
        self._services = services
        self._version = version
        self.folder = services.paths.updates

    def ask(self, cancel: threading.Event | None = None) -> Found | None:
        """What the newest release is; None if it is not newer than this program.

        Args:
            cancel: Set it (from any thread) to go on without an answer.

        Raises:
            StoppedError: `cancel` was set.
            UpdateError: This copy has no releases, they cannot be asked, or the answer cannot be read.
            OfflineError: The program stays offline.
        """
        source = find_source()
        if source is None:
            raise NoReleasesError(texts.GIT_UPDATES, texts.GIT_UPDATES_HINT)
        release = read_release(self._read(source, self._answer(source, cancel), cancel))
        _log.info("the newest release is %s, this is %s", release.version, self._version)
        if not release.is_newer_than(self._version):
            return None
        file = release.file_for(source.kind)
        return Found(release, source.kind, file, source.page(release.version), self._fetched(release, file))

    def fetch(self, found: Found, cancel: threading.Event) -> Generator[TransferEvent, None, None]:
        """Fetch the package; what was fetched before is used.

        Yields:
            News of the download; at last `TransferFinished` or `TransferStopped`.

        Raises:
            UpdateError: There is no package for this kind of installation, or no address any more.
            TransferError: It cannot go on; what was fetched is kept.
            OfflineError: The program stays offline.
        """
        from app.transfers.fetch import fetch  # the HTTP client: only when there is something to fetch

        source = find_source()
        if found.file is None or source is None:
            raise UpdateError(texts.no_package(found.release.version), f"{texts.TO_PAGE}: {found.page}")
        self._services.network.check()
        file, version = found.file, found.release.version
        remote = RemoteFile(file.name, source.file(version, file.name), file.size, file.digest)
        folder, ledger = self._path(found.release, ""), self._services.ledger
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            if mark_at(folder) is None:
                ledger.new_folder(folder)
        except OSError as exc:
            raise UpdateError(*texts.not_made(folder, exc.strerror or type(exc).__name__)) from exc
        yield from fetch(
            [remote], folder, self._services.network.client, self._services.options,
            cancel=cancel, rate_limit=self._services.rate, own=FolderOwner(ledger, folder),
        )  # fmt: skip

    def placed(self, found: Found) -> Path:
        """The fetched package, hashed once more, where it can be installed; an AppImage goes beside the old one.

        Raises:
            UpdateError: It is gone, was changed (and is deleted), or cannot be put in place.
        """
        if found.file is None:
            raise UpdateError(texts.no_package(found.release.version), f"{texts.TO_PAGE}: {found.page}")
        path, final = self._path(found.release, found.file.name), self._final(found.release, found.file)
        if self._fetched(found.release, found.file) is not None:
            return final
        try:
            right = _is_right(path, found.file)
        except FileNotFoundError as exc:
            raise UpdateError(texts.GONE, texts.GONE_HINT) from exc
        except OSError as exc:
            raise UpdateError(texts.not_read(path, exc.strerror or type(exc).__name__), texts.GONE_HINT) from exc
        if not right:
            self._discard(path)  # what stays is found wrong again
            raise UpdateError(texts.WRONG_HASH, texts.WRONG_HASH_HINT)
        if path != final:
            _put(path, final)
            self._remove(path.parent)
        return final

    def tidy(self) -> None:
        """Delete packages that are of no use any more: of this version and of earlier ones."""
        if not self.folder.is_dir():
            return
        with contextlib.suppress(OSError, KnownAppError):  # the next start tries again
            for folder in self._services.ledger.folders():
                name = folder.name
                if folder.parent == self.folder and is_version(name) and numbers(name) <= numbers(self._version):
                    self._remove(folder)
            self.folder.rmdir()  # if nothing is left

    def _discard(self, path: Path) -> None:
        """Delete a package that was changed since it was fetched, as a download replaces one."""
        own = FolderOwner(self._services.ledger, path.parent)
        with contextlib.suppress(OSError, KnownAppError):
            if own.is_ours(path):
                path.unlink()
                own.gone(path)
        self._remove(path.parent)

    def _remove(self, folder: Path) -> None:
        """Delete what was fetched into a folder, as far as it is ours; what cannot be deleted stays."""
        with contextlib.suppress(OSError, KnownAppError):
            self._services.ledger.remove(self._services.ledger.holding(folder))

    def _path(self, release: Release, name: str) -> Path:
        return self.folder / release.version / name

    def _final(self, release: Release, file: ReleaseFile) -> Path:
        running = os.environ.get(APPIMAGE_VARIABLE, "") if file.kind == "appimage" else ""
        return Path(running).absolute().parent / file.name if running else self._path(release, file.name)

    def _fetched(self, release: Release, file: ReleaseFile | None) -> Path | None:
        """The package, if all of it is here and right."""
        if file is None:
            return None
        path = self._final(release, file)
        try:
            return path if path.stat().st_size == file.size and _is_right(path, file) else None
        except OSError:
            return None

    def _read(self, source: Source, data: bytes, cancel: threading.Event | None) -> object:
        """What a server sent, as plain values."""
        try:
            read = self._services.looks.ask(ReadValues(host(source.releases), data), cancel)
        except LookStoppedError as exc:
            raise StoppedError from exc
        except InferenceError as exc:
            raise UpdateError(exc.user_text, exc.hint) from exc
        if isinstance(read, NoAnswer) and read.kind == "odd":
            raise UpdateError(texts.UNREADABLE, texts.LATER_HINT)
        if isinstance(read, NoAnswer):
            raise UpdateError(*answer_trouble(read, source.releases))
        return read.as_json()

    def _answer(self, source: Source, cancel: threading.Event | None) -> bytes:
        def ask(client: httpx2.Client) -> tuple[int, bytes]:
            response = client.get(source.newest, timeout=ASK_SECONDS)
            return response.status_code, response.content

        try:
            status, data = self._services.network.ask(source.releases, RELEASE, ask, cancel)
        except Exception as exc:
            said = trouble(exc, source.releases)
            if said is None:
                raise
            raise UpdateError(*said) from exc
        if status == 404:
            raise UpdateError(texts.NO_RELEASE, texts.NO_RELEASE_HINT)
        if status != 200:
            raise UpdateError(*status_trouble(status, source.releases))
        return data


def _is_right(path: Path, file: ReleaseFile) -> bool:
    with path.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest() == file.digest.value


def _put(path: Path, target: Path) -> None:
    """Copy a program to another folder, whole or not at all, and over nothing that is there."""
    temporary = target.with_name(f"{target.name}.{secrets.token_hex(4)}.dewpoint-part")
    made = False
    try:
        if mark_at(target) is not None:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
        with path.open("rb") as source, temporary.open("xb") as sink:
            made = True
            shutil.copyfileobj(source, sink)
        temporary.chmod(0o755)
        os.replace(temporary, target)
        sync_folder(target.parent)
    except OSError as exc:
        if made:
            with contextlib.suppress(OSError):
                temporary.unlink()
        reason = exc.strerror or type(exc).__name__
        raise UpdateError(texts.not_put(target.parent, reason), texts.not_put_hint(path)) from exc
