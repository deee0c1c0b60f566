"""What goes into a download and what comes out of it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

MIB = 2**20

DigestKind = Literal["sha256", "git-blob"]
WaitReason = Literal["network", "server", "disk"]

_HEX_DIGITS: dict[str, int] = {"sha256": 64, "git-blob": 40}


@dataclass(frozen=True, slots=True)
class Digest:
    """What a file's content must hash to.

    Attributes:
        kind: "sha256", or "git-blob": the SHA-1 of `b"blob <size>\\0"` and the content, as Git names its objects.
        value: Lower-case hexadecimal digits.

    Raises:
        ValueError: Unknown kind, or not that many hexadecimal digits.
    """

    kind: DigestKind
    value: str

    def __post_init__(self) -> None:
        digits = _HEX_DIGITS.get(self.kind)
        if digits is None:
            raise ValueError(f"kind is {self.kind!r}; it must be one of {', '.join(_HEX_DIGITS)}")
        if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", self.value):
            raise ValueError(f"value is {self.value!r}; a {self.kind} has {digits} lower-case hexadecimal digits")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file to fetch.

    Attributes:
        path: Where it goes, relative to the folder, parts separated by "/".
        url: Where it is asked for first; credentials go to this host alone.
        size: Bytes.
        digest: What its content must hash to.
    """

    path: str
    url: str
    size: int
    digest: Digest

    def __post_init__(self) -> None:
        if self.size < 0:
            raise ValueError(f"size is {self.size}; it must be 0 or more")


@dataclass(frozen=True, slots=True)
class TransferOptions:
    """How a download behaves; times in seconds, sizes in bytes.

    Attributes:
        connections: Connections at once.
        range_bytes: The most that one request asks for of a large file.
        rate_limit: The most that all connections together fetch in a second; 0 for no limit.
        connect_timeout: Until a connection must stand.
        read_timeout: The longest silence of a server.
        slowest_seconds: The time in which a few kilobytes must come; less is as good as silence.
        tries: Failures of one file in a row, without a byte in between, that end the download.
        backoff_base: Upper bound of the wait after the first failure; it doubles with each further one.
        backoff_cap: The longest such wait.
        longest_retry_after: The most of a server's Retry-After that is waited for.
        reserve_bytes: Free room on the disk that is left alone.
        disk_poll: Time between two looks at the free room.
    """

    connections: int = 4
    range_bytes: int = 64 * MIB
    rate_limit: int = 0
    connect_timeout: float = 10.0
    read_timeout: float = 30.0
    slowest_seconds: float = 180.0
    tries: int = 8
    backoff_base: float = 0.5
    backoff_cap: float = 30.0
    longest_retry_after: float = 300.0
    reserve_bytes: int = 512_000_000
    disk_poll: float = 2.0

    def __post_init__(self) -> None:
        for name, least in (("connections", 1), ("range_bytes", 1), ("rate_limit", 0), ("tries", 1)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be {least} or more")
        for name in ("connect_timeout", "read_timeout", "slowest_seconds", "disk_poll"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be more than 0")
        for name in ("backoff_base", "backoff_cap", "longest_retry_after", "reserve_bytes"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be 0 or more")


@dataclass(frozen=True, slots=True)
class Progress:
    """How far everything is; comes at most about five times a second.

    Attributes:
        done: Bytes that lie on the disk. It falls when a file has to start over.
        total: Bytes of all files.
        rate: Bytes per second, smoothed.
        seconds_left: At this rate; None while that cannot be said.
        file: Path of a file that is being worked on, or "".
    """

    done: int
    total: int
    rate: float
    seconds_left: float | None
    file: str


@dataclass(frozen=True, slots=True)
class Verifying:
    """A file on the disk is being read and checked.

    Attributes:
        path: The file's path.
        done: Bytes of it that are checked.
        total: Bytes of it that are there to be checked.
    """

    path: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class FileFinished:
    """A file is complete, has the right content, and has its final name."""

    path: str


@dataclass(frozen=True, slots=True)
class FileDamaged:
    """An installed file is not what it should be.

    Attributes:
        path: The file's path.
        reason: One sentence.
    """

    path: str
    reason: str


@dataclass(frozen=True, slots=True)
class Waiting:
    """Nothing is fetched at the moment; it goes on by itself.

    Attributes:
        reason: What is waited for.
        text: One sentence for the user.
        seconds: Until it is tried again.
    """

    reason: WaitReason
    text: str
    seconds: float


@dataclass(frozen=True, slots=True)
class TransferFinished:
    """All is done; the last event."""


@dataclass(frozen=True, slots=True)
class TransferStopped:
    """It was cancelled; the last event. What was fetched is kept."""


TransferEvent: TypeAlias = (
    Progress | Verifying | FileFinished | FileDamaged | Waiting | TransferFinished | TransferStopped
)
