"""From an offer to an installed model: nothing before the licence, nothing installed that is wrong, nothing lost."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import shutil
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from app.base.errors import KnownAppError
from app.library import care, catalogue, download
from app.library.hub import HubError
from app.library.manifest import read_manifest
from app.library.overview import library_status
from app.library.queue import Began, DownloadQueue, Ended
from app.library.records import DownloadState, ModelRecord
from app.library.services import LibraryServices
from app.library.values import ModelState
from app.network.client import OfflineError
from app.transfers.errors import TransferError
from app.transfers.values import FileFinished, Progress, TransferFinished
from inference.graphs.manifest import MANIFEST as GRAPHS
from inference.graphs.names import MODEL_NOTE as MANIFEST
from tests.app.conftest import MakeServices
from tests.helpers.hub_behaviour import GATED, Repo, drop, repo_of, stall, status
from tests.helpers.hub_server import Hub
from tests.helpers.older import as_an_older_dewpoint_left_it
from tests.helpers.tiny_models import NAME, MemoryKeyring, accepted, downloaded, tiny_contents

SHARD = "model-00002-of-00002.safetensors"


def run(services: LibraryServices, record: ModelRecord) -> list[object]:
    """All events of a download."""
    return list(download.download(services, record, threading.Event()))


def disturbed(services: LibraryServices, record: ModelRecord, act: Callable[[], None], files: int) -> None:
    """A download during which something happens, each time that a file is finished, from so many files on."""
    with closing(download.download(services, record, threading.Event())) as events:
        done = 0
        for event in events:
            done += isinstance(event, FileFinished)
            if isinstance(event, FileFinished) and done >= files:
                act()


def state(services: LibraryServices, record: ModelRecord) -> ModelState:
    """As the status tells it."""
    model = library_status(services).model(record.id)
    assert model is not None
    return model.state


def right(folder: Path) -> bool:
    """Whether every file has the content that the hub has."""
    for path, content in tiny_contents().items():
        assert isinstance(content, bytes)
        if hashlib.sha256((folder / path).read_bytes()).digest() != hashlib.sha256(content).digest():
            return False
    return True


def test_an_offer_downloads_nothing(services: LibraryServices, repo: Repo, hub: Hub) -> None:
    offer = download.offer(services, NAME)
    assert offer.missing == offer.remote.size == sum(file.size for file in repo.files.values())
    assert offer.problem is None
    assert offer.fit.runs
    assert "Apache License" in offer.licence_text
    assert not hub.behaviour.requests(SHARD)
    assert not offer.folder.exists()
    assert not services.library.models()


@pytest.mark.parametrize("when", ["before it begins", "while it runs", "at its end"])
def test_a_download_that_another_program_removed_says_so(
    services: LibraryServices, make_services: MakeServices, repo: Repo, when: str
) -> None:
    record, other = accepted(services), make_services()

    def remove() -> None:
        model = library_status(other).model(record.id)
        if model is not None:
            care.remove(other, care.removal(other, model))

    if when == "before it begins":
        remove()
    with pytest.raises(KnownAppError, match="was removed while it was downloaded"):
        disturbed(services, record, remove, len(repo.files) if when == "at its end" else 1)
    assert not services.library.models()


def test_a_download_whose_folder_was_deleted_says_so(services: LibraryServices, repo: Repo) -> None:
    record = accepted(services)
    with pytest.raises(KnownAppError, match=r"The folder .* is not there"):
        disturbed(services, record, lambda: shutil.rmtree(record.folder, ignore_errors=True), 1)
    error = services.library.find(record.id).error
    assert error is not None
    assert "is not there" in error.text
    run(services, services.library.find(record.id))
    assert right(record.folder)


def test_from_offer_to_installed(services: LibraryServices, repo: Repo) -> None:
    record = accepted(services)
    assert state(services, record) == ModelState.QUEUED
    events = run(services, record)
    assert isinstance(events[-1], TransferFinished)
    assert {event.path for event in events if isinstance(event, FileFinished)} == set(repo.files)
    assert right(record.folder)
    manifest = read_manifest(services.looks, record.folder)
    assert manifest is not None
    assert manifest.complete
    assert (manifest.revision, manifest.licence, manifest.repo) == (repo.sha, "apache-2.0", NAME)
    assert manifest.accepted.startswith("20")
    assert services.library.find(record.id).download is None
    assert state(services, record) == ModelState.INSTALLED


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (status(404), "missing"),
        (GATED, "gated"),
        (status(403), "forbidden"),
        (status(401), "unauthorized"),
        (drop(0), "network"),
    ],
)
def test_what_goes_wrong_is_kept_as_a_sentence(
    services: LibraryServices, repo: Repo, hub: Hub, make_services: MakeServices, fault: object, kind: str
) -> None:
    record = accepted(services)
    hub.behaviour.plan(SHARD, fault, where="hub" if kind != "network" else "any", times=None)  # type: ignore[arg-type]
    with pytest.raises(TransferError) as caught:
        run(services, record)
    assert caught.value.kind == kind
    kept = make_services().library.find(record.id)
    assert kept.download == DownloadState.PAUSED
    assert kept.error is not None
    assert (kept.error.text, kept.error.hint) == (caught.value.user_text, caught.value.hint)
    assert state(services, record) == ModelState.PAUSED
    assert not (record.folder / SHARD).exists()
    there = {path for path in repo.files if (record.folder / path).exists()}
    hub.behaviour.forget()
    run(services, record)
    assert right(record.folder)
    assert not there & set(hub.behaviour.counts()), "what was there is not fetched again"


def test_closing_pauses_and_a_restart_goes_on(
    services: LibraryServices, repo: Repo, hub: Hub, make_services: MakeServices
) -> None:
    record = accepted(services)
    hub.behaviour.plan("model-00002-of-00002.safetensors", stall(after=600_000), times=None)
    with closing(download.download(services, record, threading.Event())) as events:
        for event in events:
            if isinstance(event, Progress) and event.done > 500_000:
                break
    assert services.library.find(record.id).download == DownloadState.PAUSED
    assert services.library.find(record.id).error is None
    again = make_services()
    before = library_status(again).model(record.id)
    assert before is not None
    assert before.done > 400_000
    hub.behaviour.forget()
    run(again, record)
    assert right(record.folder)
    assert hub.behaviour.total_sent <= repo.size - 400_000


def test_a_crash_is_told_and_goes_on(services: LibraryServices, repo: Repo) -> None:
    record = accepted(services)
    services.library.set_download(record.id, DownloadState.RUNNING)  # as a killed program leaves it
    model = library_status(services).model(record.id)
    assert model is not None
    assert model.state == ModelState.PAUSED
    assert model.problem is not None
    assert "interrupted" in model.problem.text
    run(services, record)
    assert right(record.folder)


@pytest.mark.slow
def test_another_program_downloads_it(
    services: LibraryServices, repo: Repo, hub: Hub, make_services: MakeServices
) -> None:
    record = accepted(services)
    hub.behaviour.rate = 1_000_000
    with closing(download.download(services, record, threading.Event())) as events:
        next(event for event in events if isinstance(event, Progress) and event.done > 0)
        other = make_services()
        model = library_status(other).model(record.id)
        assert model is not None
        assert model.state == ModelState.ELSEWHERE
        with pytest.raises(TransferError) as caught:
            run(other, record)
        assert caught.value.kind == "busy"
        with pytest.raises(KnownAppError) as known:
            download.offer(other, NAME)
        assert "is being downloaded at this moment" in known.value.user_text
        assert other.library.find(record.id).download == DownloadState.RUNNING, "the other one's word stands"
        hub.behaviour.rate = 0
        assert isinstance(list(events)[-1], TransferFinished)
    assert state(services, record) == ModelState.INSTALLED


def test_a_manifest_that_is_gone(services: LibraryServices, repo: Repo) -> None:
    record = accepted(services)
    as_an_older_dewpoint_left_it(services)
    (record.folder / MANIFEST).write_text("{", encoding="utf-8")
    with pytest.raises(KnownAppError) as caught:
        run(services, record)
    assert "lost its list of files" in caught.value.user_text
    run(services, accepted(services))
    assert right(record.folder)


def test_offline_pauses(services: LibraryServices, repo: Repo, hub: Hub) -> None:
    record = accepted(services)
    services.network.offline = True
    before = len(hub.behaviour.seen)
    with pytest.raises(OfflineError):
        run(services, record)
    assert len(hub.behaviour.seen) == before
    error = services.library.find(record.id).error
    assert error is not None
    assert "stay offline" in error.text


def test_no_room_is_told_before(services: LibraryServices, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "free_bytes", lambda folder: 1_500_000)
    offer = download.offer(services, NAME)
    assert offer.problem is not None
    assert "has 2 MB free" in offer.problem.text
    with pytest.raises(KnownAppError):
        download.accept(services, offer)
    assert not offer.folder.exists()


def test_a_folder_that_cannot_be_made(services: LibraryServices, repo: Repo) -> None:
    offer = download.offer(services, NAME)
    services.paths.models.write_text("in the way", encoding="utf-8")
    with pytest.raises(KnownAppError) as caught:
        download.accept(services, offer)
    assert "cannot be written" in caught.value.user_text
    assert not services.library.models()


def test_a_new_revision_fetches_what_changed(services: LibraryServices, repo: Repo, hub: Hub) -> None:
    record = downloaded(services)
    newer = tiny_contents() | {"chat_template.jinja": b"new {{ x }}"}
    del newer["generation_config.json"]
    hub.behaviour.forget()
    hub.add(repo_of(NAME, newer))
    offer = download.offer(services, NAME)
    assert offer.missing < 1000
    again = download.accept(services, offer)
    assert again.id == record.id
    run(services, again)
    assert (record.folder / "chat_template.jinja").read_bytes() == b"new {{ x }}"
    assert not (record.folder / "generation_config.json").exists()
    assert not hub.behaviour.requests(SHARD)


def test_the_queue_goes_on_after_a_failure(services: LibraryServices, hub: Hub) -> None:
    names = ("owner/one", "owner/two", "owner/three")
    for name in names:
        hub.add(repo_of(name, tiny_contents()))
    records = [accepted(services, name) for name in names]
    as_an_older_dewpoint_left_it(services, records[1].id)
    (records[1].folder / MANIFEST).unlink()
    news = list(DownloadQueue(services).run(threading.Event()))
    assert [event.model_id for event in news if isinstance(event, Began)] == [record.id for record in records]
    ends = [event for event in news if isinstance(event, Ended)]
    assert [end.installed for end in ends] == [True, False, True]
    assert ends[1].report is not None
    assert services.library.next_queued() is None


def test_pausing_one_of_the_queue(services: LibraryServices, hub: Hub) -> None:
    for name in ("owner/one", "owner/two"):
        hub.add(repo_of(name, tiny_contents()))
    first, second = accepted(services, "owner/one"), accepted(services, "owner/two")
    queue = DownloadQueue(services)
    queue.pause(second.id)
    ends = []
    for event in queue.run(threading.Event()):
        if isinstance(event, Began):
            queue.pause(first.id)
        if isinstance(event, Ended):
            ends.append(event)
    assert [(end.model_id, end.installed, end.report) for end in ends] == [(first.id, False, None)]
    assert {record.download for record in services.library.models()} == {DownloadState.PAUSED}


def test_a_refresh_learns_sizes_and_survives_damage(services: LibraryServices, hub: Hub, dewpoint_home: Path) -> None:
    for entry in catalogue.shipped_entries():
        hub.add(repo_of(entry.repo, tiny_contents()))
    size = sum(len(content) for content in tiny_contents().values() if isinstance(content, bytes))
    assert [entry.bytes for entry in download.refresh(services)] == [size] * 4
    known = catalogue.entries(dewpoint_home)
    assert {(entry.bytes, entry.gated, bool(entry.refreshed)) for entry in known} == {(size, False, True)}
    offered = [model for model in library_status(services).models if model.kind == "catalogue"]
    assert all(model.exact and model.size == size for model in offered)
    (dewpoint_home / catalogue.FILE).write_text('{"nvidia/x": 3', encoding="utf-8")
    assert catalogue.entries(dewpoint_home) == catalogue.shipped_entries()


def test_a_refresh_that_fails_keeps_what_is_known(services: LibraryServices, hub: Hub, dewpoint_home: Path) -> None:
    for number in (0, 3):
        hub.add(repo_of(catalogue.shipped_entries()[number].repo, tiny_contents()))
    with pytest.raises(HubError):
        list(download.refresh(services))
    known = catalogue.entries(dewpoint_home)
    assert known[0].refreshed
    assert not known[1].refreshed
    assert known[1] == catalogue.shipped_entries()[1]
    assert known[3].refreshed, "one that is gone does not stop the others"


def test_a_download_that_fails_before_it_begins_does_not_begin_for_ever(
    services: LibraryServices, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def odd(*_: object) -> object:
        raise KnownAppError("No luck.", "Try again.")

    record = accepted(services)
    monkeypatch.setattr(download, "download", odd)
    news = list(DownloadQueue(services).run(threading.Event()))
    assert [type(event) for event in news] == [Began, Ended]
    kept = services.library.find(record.id)
    assert (kept.download, kept.error is not None and kept.error.text) == (DownloadState.PAUSED, "No luck.")


def test_a_repository_that_vanished_while_paused_is_named(
    services: LibraryServices, repo: Repo, hub: Hub, memory_keyring: MemoryKeyring
) -> None:
    record = accepted(services)
    hub.repos.clear()
    for token in ("", "hf_any"):
        if token:
            services.tokens.set(token)
        with pytest.raises(TransferError) as caught:
            run(services, record)
        assert caught.value.kind == "missing"
        assert "is gone: it was deleted, renamed or made private" in caught.value.user_text
        assert "access token" not in caught.value.user_text + caught.value.hint
    problem = library_status(services).model(record.id)
    assert problem is not None
    assert problem.problem is not None
    assert "is gone" in problem.problem.text


def test_a_state_that_was_rewritten_while_paused_is_named(services: LibraryServices, repo: Repo, hub: Hub) -> None:
    record = accepted(services)
    hub.add(repo_of(NAME, tiny_contents(seed=5)))  # another commit; the old one is gone
    with pytest.raises(TransferError) as caught:
        run(services, record)
    assert "its owner rewrote it" in caught.value.user_text


def test_terms_that_came_while_paused_are_named(
    services: LibraryServices, repo: Repo, hub: Hub, memory_keyring: MemoryKeyring
) -> None:
    record = accepted(services)
    hub.add(dataclasses.replace(repo, gated="manual"))
    services.tokens.set("hf_other")
    with pytest.raises(TransferError) as caught:
        run(services, record)
    assert caught.value.kind == "gated"


def test_graphs_of_our_own_do_not_damage_a_model_whose_repository_had_some(services: LibraryServices, hub: Hub) -> None:
    hub.add(repo_of(NAME, tiny_contents() | {GRAPHS: b"{}"}))
    record = downloaded(services)
    (record.folder / GRAPHS).write_text('{"files": {}, "version": 3}')
    assert state(services, record) in (ModelState.INSTALLED, ModelState.READY)


def test_a_manifest_of_before_that_lists_graphs_of_the_repository(services: LibraryServices, repo: Repo) -> None:
    record = downloaded(services)
    note = record.folder / MANIFEST
    raw = json.loads(note.read_text("utf-8"))
    raw["files"].append(raw["files"][0] | {"path": GRAPHS, "size": 2})
    note.write_text(json.dumps(raw), "utf-8")
    as_an_older_dewpoint_left_it(services)
    (record.folder / GRAPHS).write_text('{"files": {}, "version": 3}')
    assert state(services, record) in (ModelState.INSTALLED, ModelState.READY)
