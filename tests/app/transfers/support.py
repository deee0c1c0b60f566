"""What the tests of downloads share: quick options, one way to run them, and what must be true afterwards."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
from collections.abc import Collection
from pathlib import Path
from typing import TypeVar

import httpx2

from app.transfers.fetch import fetch
from app.transfers.names import JOURNAL_SUFFIX, LOCK_NAME, PART_SUFFIX
from app.transfers.pace import RateLimit
from app.transfers.values import Digest, FileFinished, RemoteFile, TransferEvent, TransferFinished, TransferOptions
from tests.helpers.hub_behaviour import HubFile, Repo
from tests.helpers.hub_server import Hub
from tests.helpers.waiting import NEVER_SECONDS

TOKEN = "hf_secretsecretsecretsecret"
KIB = 1024
SILENCE = 1.5  # seconds: the read timeout of tests that wait for one; in the others a slow machine is no silence
QUICK = TransferOptions(
    connections=3,
    range_bytes=256 * KIB,
    connect_timeout=NEVER_SECONDS,
    read_timeout=NEVER_SECONDS,
    tries=4,
    backoff_base=0.02,
    backoff_cap=0.05,
    longest_retry_after=1.0,
    reserve_bytes=0,
    disk_poll=0.1,
)
Event = TypeVar("Event", bound=TransferEvent)


def open_client() -> httpx2.Client:
    """A client without the proxies of whoever runs the tests."""
    return httpx2.Client(trust_env=False)


def remote_file(hub: Hub, repo: Repo, file: HubFile) -> RemoteFile:
    """What is to be fetched for a file of the local hub."""
    digest = Digest("sha256", file.sha256) if file.lfs else Digest("git-blob", file.blob_id)
    return RemoteFile(file.path, hub.file_url(repo, file.path), file.size, digest)


def remote_files(hub: Hub, repo: Repo) -> list[RemoteFile]:
    """All files of a repository."""
    return [remote_file(hub, repo, file) for file in repo.files.values()]


def run(
    files: list[RemoteFile],
    folder: Path,
    options: TransferOptions = QUICK,
    *,
    token: str | None = None,
    verified: Collection[str] = (),
    cancel: threading.Event | None = None,
    rate_limit: RateLimit | None = None,
) -> list[TransferEvent]:
    """Fetch to the end."""
    cancel = cancel or threading.Event()
    limits = {"verified": verified, "cancel": cancel, "rate_limit": rate_limit}
    return list(fetch(files, folder, open_client, options, token=token, **limits))  # type: ignore[arg-type]


def only(events: list[TransferEvent], kind: type[Event]) -> list[Event]:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def finished_paths(events: list[TransferEvent]) -> set[str]:
    """Paths that were told to be finished."""
    return {event.path for event in only(events, FileFinished)}


def with_(**changes: object) -> TransferOptions:
    """The quick options, but for these."""
    return dataclasses.replace(QUICK, **changes)  # type: ignore[arg-type]


def content(file: HubFile) -> bytes:
    """The bytes of a file of the hub."""
    if file.data is not None:
        return file.data
    assert file.source is not None
    return file.source.read_bytes()


def leftovers(folder: Path) -> tuple[Path, ...]:
    """Parts and journals in the folder and below it, sorted."""
    found = (path for suffix in (PART_SUFFIX, JOURNAL_SUFFIX) for path in folder.rglob("*" + suffix))
    return tuple(sorted(path for path in found if path.is_file()))


def final_names(folder: Path) -> set[str]:
    """Paths of all files in the folder that have a final name."""
    helpers = set(leftovers(folder))
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file() and path not in helpers and path.name != LOCK_NAME
    }


def assert_nothing_wrong(repo: Repo, folder: Path) -> None:
    """Whatever has a final name has the right content."""
    for name in final_names(folder):
        data = (folder / name).read_bytes()
        assert hashlib.sha256(data).hexdigest() == repo.files[name].sha256, name


def assert_all_right(repo: Repo, folder: Path, events: list[TransferEvent]) -> None:
    """All files are there and right, nothing else is, and the end was told."""
    assert final_names(folder) == set(repo.files)
    assert_nothing_wrong(repo, folder)
    assert leftovers(folder) == ()
    assert isinstance(events[-1], TransferFinished)
