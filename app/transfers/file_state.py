"""The state of one file during a download."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from app.transfers.errors import ChangedError
from app.transfers.hashing import FileHasher
from app.transfers.own import OwnFiles
from app.transfers.part import PartFile
from app.transfers.values import RemoteFile


class FileStage(Enum):
    """How far a file is: it goes down this list, and back to OPEN where it starts over."""

    NEW = auto()
    OPEN = auto()  # connections may take ranges of it
    HALTED = auto()  # it will start over when the last connection has let go
    FINISHING = auto()  # complete; read once more and renamed
    DONE = auto()


@dataclass(frozen=True, slots=True)
class Address:
    """Where the bytes of a file are, once redirects have been followed.

    Attributes:
        url: The last address.
        trusted: Whether all of the way was on the host of the file's own URL, so that it may see the credentials.
        linked_etag: What the first host said of the content, or "".
        final_etag: What the last host said of it, or "".
    """

    url: str
    trusted: bool
    linked_etag: str
    final_etag: str

    @property
    def etag(self) -> str:
        """What stands for the version of the content."""
        return self.linked_etag or self.final_etag


class FileState:
    """One file. The main loop alone changes it, but for what says so.

    Attributes:
        file: What is fetched.
        final: Where it goes.
        own: Whose the files of the folder are.
        part: What is there of it.
        claimed: Bytes that the journal of an earlier run names; they count until the part has been looked at.
        failures: Failures in a row; a connection sets it to 0 when bytes come.
        not_before: `time.monotonic()` of the next try.
        last_failure: `time.monotonic()` of the failure that was counted last.
        restarts: How often it started over, by reason.
        single: Whether the server ignores ranges, so that one connection at a time serves it.
    """

    def __init__(self, file: RemoteFile, final: Path, own: OwnFiles) -> None:
        self.file = file
        self.final = final
        self.own = own
        self.part = PartFile(file, final, self.own)
        self.stage = FileStage.NEW
        self.claimed = 0
        self.failures = 0
        self.not_before = 0.0
        self.last_failure = 0.0
        self.restarts: dict[str, int] = {}
        self.single = False
        self.hasher = FileHasher(file.digest, file.size)
        self._lock = threading.Lock()
        self._address: Address | None = None
        self._whole_owner: object = None

    @property
    def done(self) -> int:
        """Bytes of the file that lie on the disk."""
        if self.stage is FileStage.DONE:
            return self.file.size
        return self.claimed if self.stage is FileStage.NEW else self.part.present

    @property
    def complete(self) -> bool:
        """Whether all bytes are there."""
        return self.part.present == self.file.size

    @property
    def halted(self) -> bool:
        """Whether connections should let go (any thread)."""
        return self.stage is not FileStage.OPEN

    @property
    def address(self) -> Address | None:
        """Where the bytes are, if that is known (any thread)."""
        return self._address

    def learn(self, address: Address | None) -> None:
        """Keep where the bytes are, or forget it (any thread).

        Raises:
            ChangedError: The same place has another version than before.
        """
        with self._lock:
            old = self._address
            if old is not None and address is not None and old.url == address.url:
                tags = {old.final_etag, address.final_etag} - {""}
                if len(tags) > 1:
                    self._address = None
                    raise ChangedError
            self._address = address

    def claim_whole(self, owner: object) -> bool:
        """Whether `owner` is the connection that may use an answer with the whole file (any thread)."""
        with self._lock:
            if self._whole_owner is None:
                self._whole_owner = owner
                self.single = True
            return self._whole_owner is owner

    def release_whole(self, owner: object) -> None:
        """`owner` is done with its answer (any thread)."""
        with self._lock:
            if self._whole_owner is owner:
                self._whole_owner = None

    def start_over(self, reason: str) -> int:
        """Forget all bytes.

        Returns:
            How often that happened for this reason.

        Raises:
            OSError: The part cannot be removed.
        """
        self.part.discard()
        self.hasher = FileHasher(self.file.digest, self.file.size)
        self._address = None
        self.failures = 0
        self.not_before = 0.0
        self.stage = FileStage.OPEN
        self.restarts[reason] = self.restarts.get(reason, 0) + 1
        return self.restarts[reason]
