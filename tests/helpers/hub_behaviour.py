"""What the local hub holds and how it misbehaves: repositories, faults, and what it remembers of requests."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from tests.helpers.hub_traffic import Traffic
from tests.helpers.waiting import NEVER_SECONDS

FaultKind = Literal[
    "drop",  # the connection ends after `after` bytes of the body
    "stall",  # nothing more comes after `after` bytes (0: not even the head), for `seconds`
    "short",  # the body ends `after` bytes in, and the Content-Length says so
    "long",  # the answer to a range goes on to the end of the file
    "wrong-bytes",  # right length, but every byte is another
    "ignore-range",  # 200 with the whole file
    "wrong-total",  # the Content-Range tells another size
    "status",  # `status`, with `code` as X-Error-Code and `retry_after` as Retry-After
    "etag",  # another ETag (and X-Linked-Etag): `code`
    "loop",  # a redirect to itself
    "redirect",  # a redirect to `code`
    "slow",  # `after` bytes per second
]
POINTER = "version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
Where = Literal["hub", "cdn", "any"]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way to misbehave; the fields that `kind` needs."""

    kind: FaultKind
    after: int = 0
    seconds: float = 2 * NEVER_SECONDS
    status: int = 500
    code: str = ""
    retry_after: str = ""


def drop(after: int = 0) -> Fault:
    """The connection breaks off after so many bytes of the body."""
    return Fault("drop", after=after)


def stall(after: int = 0, seconds: float = 2 * NEVER_SECONDS) -> Fault:
    """Silence after so many bytes of the body (0: before the head), until the client goes or the server ends."""
    return Fault("stall", after=after, seconds=seconds)


def status(number: int, code: str = "", retry_after: str = "") -> Fault:
    """An error; `code` becomes X-Error-Code."""
    return Fault("status", status=number, code=code, retry_after=retry_after)


GATED = Fault("status", status=403, code="GatedRepo")
EXPIRED = Fault("status", status=403)  # of the CDN: what it says to a signature that is too old


@dataclass(frozen=True, slots=True)
class HubFile:
    """A file of a repository: its bytes, or where they lie on this disk.

    Attributes:
        path: Inside the repository, with slashes.
        data: The content, or None for a file on the disk.
        source: The file on the disk, or None.
        size: Bytes.
        sha256: Of the content.
        blob_id: Its Git object name; of an LFS file that of the pointer, which stands for it in Git.
        lfs: Whether it is given out by the CDN.
    """

    path: str
    data: bytes | None
    source: Path | None
    size: int
    sha256: str
    blob_id: str
    lfs: bool

    @property
    def etag(self) -> str:
        """What the hub says of the content: as the real one does, the SHA-256 of LFS files, else the Git name."""
        return self.sha256 if self.lfs else self.blob_id


def hub_file(path: str, content: bytes | Path, lfs: bool) -> HubFile:
    """A file from bytes, or from a file on the disk (which is read once, for its checksums)."""
    data = content if isinstance(content, bytes) else None
    source = content if isinstance(content, Path) else None
    size = len(data) if data is not None else source.stat().st_size if source is not None else 0
    sha256, blob = hashlib.sha256(), hashlib.sha1(b"blob %d\0" % size)
    if data is not None:
        sha256.update(data)
        blob.update(data)
    elif source is not None:
        with source.open("rb") as stream:
            while part := stream.read(2**20):
                sha256.update(part)
                blob.update(part)
    if lfs:
        pointer = POINTER % (sha256.hexdigest(), size)
        blob = hashlib.sha1(f"blob {len(pointer)}\0{pointer}".encode())
    return HubFile(path, data, source, size, sha256.hexdigest(), blob.hexdigest(), lfs)


@dataclass(slots=True)
class Repo:
    """A model repository.

    Attributes:
        name: "owner/name".
        files: By path.
        sha: Commit that every revision points to.
        revisions: Names that exist, besides the commit.
        licence: As in the model card, or None.
        gated: False, "auto" or "manual": then files go only to `allowed` tokens (no token: 401, another: 403).
        private: Then nothing is told to anyone but `allowed` tokens (401 RepoNotFound).
        allowed: Tokens that may read it.
    """

    name: str
    files: dict[str, HubFile]
    sha: str
    revisions: tuple[str, ...] = ("main",)
    licence: str | None = "apache-2.0"
    gated: Literal[False, "auto", "manual"] = False
    private: bool = False
    allowed: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.size for file in self.files.values())


def repo_of(
    name: str,
    contents: dict[str, bytes | Path],
    *,
    lfs_from: int = 100_000,
    licence: str | None = "apache-2.0",
    gated: Literal[False, "auto", "manual"] = False,
    private: bool = False,
    allowed: Iterable[str] = (),
    revisions: Iterable[str] = ("main",),
) -> Repo:
    """A repository with these files; those of `lfs_from` bytes or more are given out by the CDN."""
    files = {}
    for path, content in contents.items():
        size = len(content) if isinstance(content, bytes) else content.stat().st_size
        files[path] = hub_file(path, content, size >= lfs_from)
    sha = hashlib.sha1("".join(f"{file.path}{file.sha256}" for file in files.values()).encode()).hexdigest()
    return Repo(name, files, sha, tuple(revisions), licence, gated, private, tuple(allowed))


def random_contents(seed: int, files: Sequence[tuple[str, int]]) -> dict[str, bytes | Path]:
    """Random bytes for each (path, size); the same for the same seed."""
    source = random.Random(seed)
    return {path: source.randbytes(size) for path, size in files}


def make_repo(seed: int, files: Sequence[tuple[str, int]], name: str = "owner/model") -> Repo:
    """A repository of random files, each (path, size in bytes); see `repo_of` for one with conditions."""
    return repo_of(name, random_contents(seed, files))


@dataclass(frozen=True, slots=True)
class Seen:
    """A request that came.

    Attributes:
        server: "hub" or "cdn".
        method: "GET" or "HEAD".
        path: Of the repository's file, or of the API with its query.
        headers: By lower-case name.
    """

    server: Literal["hub", "cdn"]
    method: str
    path: str
    headers: dict[str, str]


@dataclass(slots=True)
class _Plan:
    path: str
    fault: Fault
    where: Where
    skip: int
    times: int | None


@dataclass(slots=True)
class Behaviour(Traffic):
    """Which faults come when, what was asked, and how many body bytes went out. Safe for threads.

    Attributes:
        seen: All requests, in order.
    """

    seen: list[Seen] = field(default_factory=list)
    _plans: list[_Plan] = field(default_factory=list)

    def plan(self, path: str, fault: Fault, *, where: Where = "any", skip: int = 0, times: int | None = 1) -> None:
        """Misbehave at requests for the content of a file ("*": of any).

        Args:
            path: The file's path.
            fault: What to do.
            where: "hub" (first address), "cdn" (second), or "any": the one that sends the bytes of this file.
            skip: So many requests are answered well before.
            times: So many are answered badly; None for all.
        """
        with self._lock:
            self._plans.append(_Plan(path, fault, where, skip, times))

    def forget(self) -> None:
        """No faults any more, and nothing seen or sent so far; what old answers still send does not count."""
        with self._lock:
            self.era += 1
            self._plans.clear()
            self.seen.clear()
            self.sent.clear()

    def note(self, seen: Seen) -> None:
        """Remember a request."""
        with self._lock:
            self.seen.append(seen)

    def fault_for(self, path: str, where: Literal["hub", "cdn"], sends: bool) -> Fault | None:
        """The fault of this request, if it is its turn."""
        with self._lock:
            for plan in self._plans:
                here = plan.where == where or (plan.where == "any" and sends)
                if plan.path not in (path, "*") or not here or plan.times == 0:
                    continue
                if plan.skip > 0:
                    plan.skip -= 1
                    continue
                if plan.times is not None:
                    plan.times -= 1
                return plan.fault
        return None

    def requests(self, path: str, server: Literal["hub", "cdn"] | None = None) -> list[Seen]:
        """GET requests for a file's content, to one of the servers or to both."""
        with self._lock:
            return [
                seen
                for seen in self.seen
                if seen.path == path and seen.method == "GET" and server in (None, seen.server)
            ]
